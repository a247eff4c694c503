import { types } from "node:util";
import { isName } from "../http/header-parts.ts";
import type { FirstDestination, OutboundRequest, SetHeader } from "./outbound-request.ts";
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
  lines(name: string): readonly string[] {
    const given = this.#given;
    if (isIterable(given) && !(given instanceof Remembered || Array.isArray(given) || isHeaders(given))) {
      const iterator = given[Symbol.iterator]();
      if (!isIterator(iterator)) return [];
      this.#given = new Remembered(iterator);
    }
    const lines: string[] = [];
    for (const [key, value] of pairsOf(this.#given, this.#form))
      if (isNamed(key, name)) lines.push(...textsOf(value, this.#form));
    return lines;
  }

  /**
   * The headers with those that the request adds. The form is kept, and so is the order: a fetch implementation sorts
   * the `Headers` of another one.
   *
   * @throws what reading the caller's object throws
   */
  with(outboundRequest: OutboundRequest, first: FirstDestination): unknown {
    const given = this.#given;
    if (given === undefined || (given === null && this.#form === "flat")) {
      const record: Record<string, unknown> = {};
      for (const [name, value] of outboundRequest.headersFor(first, noLines)) record[name] = value;
      return record;
    }
    const added = new Added(outboundRequest, first, this.#form);
    if (typeof given !== "object" || given === null || isBoxed(given)) return given;
    if (Array.isArray(given)) return this.#form === "flat" ? added.toFlat(given) : [...added.toPairs(given)];
    if (!isIterable(given)) return added.toRecord(given);
    if (isHeaders(given)) return added.toHeaders(given);
    return { [Symbol.iterator]: () => added.toIterator(given[Symbol.iterator]()) };
  }
}

const NO_LINES: readonly string[] = Object.freeze([]);

function noLines(): readonly string[] {
  return NO_LINES;
}

/** What a wrapped client adds to headers. The caller's `baggage` is merged into the added one, if it is text. */
class Added {
  readonly #request: OutboundRequest;
  readonly #first: FirstDestination;
  readonly #form: ArrayForm;

  constructor(request: OutboundRequest, first: FirstDestination, form: ArrayForm) {
    this.#request = request;
    this.#first = first;
    this.#form = form;
  }

  /**
   * The added headers, by the caller's lines of the same names. The process-wide stop writes the line again at each hop.
   * This one is for code between, such as a cache or a mock.
   */
  #headers(lines: readonly string[], tickets: readonly string[]): readonly SetHeader[] {
    // fetch trims and joins lines in this way; undici's dispatch sends them as they are.
    const existing = this.#form === "pairs" ? lines.map((line) => line.trim()).join(", ") : lines.join(",");
    const present = existing === "" ? [] : [existing];
    const added = this.#request.headersFor(this.#first, (name) => (name === TICKET_HEADER ? tickets : present));
    // Without an own member for the first destination, the caller's lines stay.
    return existing === "" || added.some(([name]) => name === "baggage") ? added : [["baggage", existing], ...added];
  }

  toRecord(given: object): unknown {
    const record: Record<string, unknown> = { ...given };
    const lines: string[] = [];
    const tickets: string[] = [];
    let isMerged = true;
    for (const name of Object.keys(record)) {
      const isBaggage = isName(name, "baggage");
      if (!isBaggage && !isName(name, TICKET_HEADER)) continue;
      const texts = textsOf(record[name], this.#form);
      if (texts.length > 0) {
        (isBaggage ? lines : tickets).push(...texts);
        delete record[name];
      } else if (isBaggage) isMerged &&= name !== "baggage";
    }
    for (const [name, value] of this.#headers(lines, tickets)) if (isMerged || name !== "baggage") record[name] = value;
    return withHidden(record, given);
  }

  toFlat(given: readonly unknown[]): unknown {
    if (given.length % 2 !== 0) return given;
    const flat: unknown[] = [];
    const lines: string[] = [];
    const tickets: string[] = [];
    for (let i = 0; i < given.length; i += 2) {
      if (!this.#take(given[i], given[i + 1], lines, tickets)) flat.push(given[i], given[i + 1]);
    }
    for (const header of this.#headers(lines, tickets)) flat.push(...header);
    return flat;
  }

  /** What is no iterator stays as it is. */
  toIterator(given: Iterator<unknown>): Iterator<unknown> {
    return isIterator(given) ? this.toPairs({ [Symbol.iterator]: () => given }) : given;
  }

  *toPairs(given: Iterable<unknown>): Generator<unknown, void> {
    const lines: string[] = [];
    const tickets: string[] = [];
    for (const pair of given) if (!(isPair(pair) && this.#take(pair[0], pair[1], lines, tickets))) yield pair;
    yield* this.#headers(lines, tickets);
  }

  toHeaders(given: Headers): Headers {
    const copy = copyOfHeaders(given);
    const linesOf = (name: string): string[] => [copy.get(name) ?? []].flat();
    for (const [name, value] of this.#headers(linesOf("baggage"), linesOf(TICKET_HEADER))) copy.set(name, value);
    return copy;
  }

  /** Takes over a header that the added ones replace. False if it stays as it is. */
  #take(name: unknown, value: unknown, lines: string[], tickets: string[]): boolean {
    const taken = isNamed(name, "baggage") ? lines : isNamed(name, TICKET_HEADER) ? tickets : undefined;
    const texts = taken === undefined ? [] : textsOf(value, this.#form);
    taken?.push(...texts);
    return texts.length > 0;
  }
}

type Pair = readonly [name: unknown, value: unknown];

function pairsOf(given: unknown, form: ArrayForm): Iterable<Pair> {
  if (typeof given !== "object" || given === null) return [];
  if (!isIterable(given)) return Object.entries(given);
  if (Array.isArray(given) && form === "flat") return pairsOfFlat(given);
  return validPairs(given);
}

/** The pairs up to the first item that is none, at which the client fails. */
function* validPairs(given: Iterable<unknown>): Generator<Pair, void> {
  for (const pair of given) {
    if (!isPair(pair)) return;
    yield pair;
  }
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

/** The lines of a value that the client takes for a header's. Any other one is left to it, and is not converted here. */
function textsOf(value: unknown, form: ArrayForm): readonly string[] {
  if (isLine(value)) return [value];
  return form === "flat" && Array.isArray(value) && value.every(isLine) ? value : [];
}

/** A text of the characters that RFC 9110, section 5.5, has in a field value. */
const LINE = /^[\t\x20-\x7e\x80-\xff]*$/;

function isLine(value: unknown): value is string {
  return typeof value === "string" && LINE.test(value);
}

/** Whether a client reads the headers as an iterable. A polluted `Object.prototype` makes no iterable of an object. */
function isIterable(headers: unknown): headers is Iterable<unknown> {
  if (typeof headers !== "object" || headers === null || isBoxed(headers)) return false;
  if (typeof Reflect.get(headers, Symbol.iterator) !== "function") return false;
  return Object.hasOwn(headers, Symbol.iterator) || Object.getPrototypeOf(headers) !== Object.prototype;
}

/** A caller's iterable may give anything. */
function isIterator(given: Iterator<unknown> | undefined): boolean {
  return typeof given?.next === "function";
}

/** The object of a string, a number or a boolean, which has no headers, and which some clients refuse. */
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

/** An iterable that reads another one once, as far as it is asked. It gives the same items, and then the same error. */
class Remembered implements Iterable<unknown> {
  readonly #iterator: Iterator<unknown>;
  readonly #items: unknown[] = [];
  #end: { readonly error?: unknown } | undefined;

  constructor(iterator: Iterator<unknown>) {
    this.#iterator = iterator;
  }

  *[Symbol.iterator](): Generator<unknown, void> {
    for (let i = 0; i < this.#items.length || this.#pull(); i++) yield this.#items[i];
  }

  /** Reads one more item. False if there is none. */
  #pull(): boolean {
    if (this.#end === undefined) {
      try {
        const { done, value } = this.#iterator.next();
        if (done) this.#end = {};
        else this.#items.push(value);
      } catch (error) {
        this.#end = { error };
      }
    }
    if (this.#end !== undefined && "error" in this.#end) throw this.#end.error;
    return this.#end === undefined;
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
