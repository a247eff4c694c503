import { types } from "node:util";
import { isName } from "../http/header-parts.ts";
import type { OutboundRequest } from "./outbound-request.ts";
import { TICKET_HEADER } from "./tickets.ts";

/** How a client reads an array of headers: as names and values in turn, or as pairs. */
export type ArrayForm = "flat" | "pairs";

/**
 * The headers that a caller gave to a client: an object with names and values, an array, or an iterable of pairs. What
 * no client takes stays as it is, so that the client answers with its own error. An iterable is read once, when the
 * client reads it.
 */
export class GivenHeaders {
  readonly #form: ArrayForm;
  #given: unknown;

  constructor(given: unknown, form: ArrayForm) {
    this.#given = given;
    this.#form = form;
  }

  /** The given headers. An iterable that was read is replaced by one that gives the same pairs. */
  get value(): unknown {
    return this.#given;
  }

  /** The lines of a header, by its name in lower case. @throws what reading the caller's object throws */
  readonly lines = (name: string): readonly string[] => {
    const given = this.#given;
    if (isIterable(given) && !(given instanceof Remembered || Array.isArray(given) || isHeaders(given))) {
      this.#given = new Remembered(given);
    }
    const lines: string[] = [];
    for (const [key, value] of pairsOf(this.#given, this.#form)) if (isNamed(key, name)) lines.push(...textsOf(value));
    return lines;
  };

  /**
   * The headers with the request's ticket and its `baggage` for the first destination. The form is kept, and so is the
   * order: a fetch implementation sorts the `Headers` of another one.
   *
   * @throws what reading the caller's object throws
   */
  with(outboundRequest: OutboundRequest, url: URL | null): unknown {
    const given = this.#given;
    const added = new Added(outboundRequest, url);
    if (given === undefined || (given === null && this.#form === "flat")) return added.toRecord({});
    if (typeof given !== "object" || given === null) return given;
    if (Array.isArray(given)) return this.#form === "flat" ? added.toFlat(given) : [...added.toPairs(given)];
    if (!isIterable(given)) return isBoxed(given) ? given : added.toRecord(given);
    if (this.#form === "pairs" && isHeaders(given)) return added.toHeaders(given);
    return { [Symbol.iterator]: () => added.toPairs(given) };
  }
}

/** What a wrapped client adds to headers. The caller's `baggage` is merged into the added one, if it is text. */
class Added {
  readonly #request: OutboundRequest;
  readonly #url: URL | null;

  constructor(request: OutboundRequest, url: URL | null) {
    this.#request = request;
    this.#url = url;
  }

  /**
   * The process-wide stop writes the line again at each hop. This one is for whoever stands between, such as a cache or
   * a test's substitute. If nothing may go to the first destination, the caller's lines stay.
   */
  #baggage(present: readonly string[]): string {
    const existing = present.join(",");
    const line = this.#url === null ? "" : this.#request.baggageFor(this.#url, existing === "" ? null : existing);
    return line === "" ? existing : line;
  }

  toRecord(given: object): unknown {
    const record: Record<string, unknown> = { ...given };
    const lines: string[] = [];
    const tickets = [this.#request.ticket];
    let isMerged = true;
    for (const name of Object.keys(record)) {
      const isBaggage = isName(name, "baggage");
      if (!isBaggage && name !== TICKET_HEADER) continue;
      const texts = textsOf(record[name]);
      if (!isBaggage) tickets.push(...texts);
      else if (texts.length > 0) {
        lines.push(...texts);
        delete record[name];
      } else isMerged &&= name !== "baggage";
    }
    const baggage = isMerged ? this.#baggage(lines) : "";
    if (baggage !== "") record["baggage"] = baggage;
    record[TICKET_HEADER] = tickets.join(",");
    return withHidden(record, given);
  }

  toFlat(given: readonly unknown[]): unknown {
    if (given.length % 2 !== 0) return given;
    const flat: unknown[] = [];
    const lines: string[] = [];
    for (let i = 0; i < given.length; i += 2) {
      const texts = isNamed(given[i], "baggage") ? textsOf(given[i + 1]) : [];
      if (texts.length > 0) lines.push(...texts);
      else flat.push(given[i], given[i + 1]);
    }
    const baggage = this.#baggage(lines);
    if (baggage !== "") flat.push("baggage", baggage);
    flat.push(TICKET_HEADER, this.#request.ticket);
    return flat;
  }

  *toPairs(given: Iterable<unknown>): Generator<unknown, void> {
    const lines: string[] = [];
    for (const pair of given) {
      const texts = isPair(pair) && isNamed(pair[0], "baggage") ? textsOf(pair[1]) : [];
      if (texts.length > 0) lines.push(...texts);
      else yield pair;
    }
    const baggage = this.#baggage(lines);
    if (baggage !== "") yield ["baggage", baggage];
    yield [TICKET_HEADER, this.#request.ticket];
  }

  toHeaders(given: Headers): Headers {
    const copy = copyOfHeaders(given);
    const existing = copy.get("baggage");
    const baggage = this.#baggage(existing === null ? [] : [existing]);
    if (baggage !== "") copy.set("baggage", baggage);
    copy.append(TICKET_HEADER, this.#request.ticket);
    return copy;
  }
}

type Pair = readonly [name: unknown, value: unknown];

function pairsOf(given: unknown, form: ArrayForm): Iterable<Pair> {
  if (typeof given !== "object" || given === null) return [];
  if (!isIterable(given)) return Object.entries(given);
  if (Array.isArray(given) && form === "flat") return pairsOfFlat(given);
  return [...given].filter(isPair);
}

function pairsOfFlat(flat: readonly unknown[]): readonly Pair[] {
  const pairs: Pair[] = [];
  for (let i = 0; i < flat.length; i += 2) pairs.push([flat[i], flat[i + 1]]);
  return pairs;
}

function isPair(pair: unknown): pair is Pair {
  return Array.isArray(pair) && pair.length === 2;
}

function isNamed(name: unknown, lowerCase: string): boolean {
  return typeof name === "string" && isName(name, lowerCase);
}

/** The lines of a value that is text. Any other value is left to the client, and is not converted here. */
function textsOf(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  return Array.isArray(value) && value.every((line) => typeof line === "string") ? value : [];
}

/** Whether a client reads the headers as an iterable. A polluted `Object.prototype` makes no iterable of an object. */
function isIterable(headers: unknown): headers is Iterable<unknown> {
  if (typeof headers !== "object" || headers === null || !(Symbol.iterator in headers)) return false;
  return Object.hasOwn(headers, Symbol.iterator) || Object.getPrototypeOf(headers) !== Object.prototype;
}

/** Some clients refuse the object of a string, a number or a boolean, which has no headers anyway. */
function isBoxed(given: object): boolean {
  return types.isBoxedPrimitive(given);
}

function isHeaders(headers: Iterable<unknown>): headers is Headers & Iterable<unknown> {
  return "append" in headers && "set" in headers && "get" in headers;
}

/** undici's fetch also reads members that are not enumerable, which a spread leaves out. */
function withHidden(record: Record<string, unknown>, given: object): unknown {
  const names = Object.getOwnPropertyNames(given);
  if (names.length === Object.keys(given).length) return record;
  for (const name of names) {
    const hidden = Object.getOwnPropertyDescriptor(given, name);
    if (hidden !== undefined && !hidden.enumerable) Object.defineProperty(record, name, hidden);
  }
  return record;
}

/** An iterable that was read once. It gives the same items, and then the same error, each time. */
class Remembered implements Iterable<unknown> {
  readonly #items: unknown[] = [];
  readonly #failure: { readonly error: unknown } | undefined;

  constructor(given: Iterable<unknown>) {
    try {
      for (const item of given) this.#items.push(item);
    } catch (error) {
      this.#failure = { error };
    }
  }

  *[Symbol.iterator](): Generator<unknown, void> {
    yield* this.#items;
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}

/**
 * A copy by the same class, which keeps the order of its own list. If the class's constructor does not take its own
 * instances, the copy is sorted.
 */
function copyOfHeaders(headers: Headers): Headers {
  try {
    // why: the constructor of a class Headers takes one
    const Class = headers.constructor as typeof Headers;
    return new Class(headers);
  } catch {
    return new Headers(headers);
  }
}
