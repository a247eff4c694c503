import { isName, type OutboundRequest, TICKET_HEADER } from "../../../src/adapter.ts";

type Pair = readonly [name: unknown, value: unknown];

/**
 * The headers of a fetch call: a `Headers` object, a record, or an iterable of pairs. The form is kept, and so is the
 * order: a fetch implementation sorts the `Headers` of another one.
 */
export class FetchHeaders {
  readonly #given: unknown;
  #pairs: readonly Pair[] | undefined;

  constructor(given: unknown) {
    this.#given = given;
  }

  /** The lines of a header, by its name in lower case. */
  readonly lines = (name: string): readonly string[] =>
    this.#read().flatMap((pair) => (isName(pair[0], name) ? [String(pair[1])] : []));

  /** The headers with the request's ticket and its `baggage` for the first destination. */
  with(outboundRequest: OutboundRequest, url: URL | null): unknown {
    const existing = this.lines("baggage").join(", ");
    // The process-wide stop rewrites the header at each hop. This header is for a fetch that a test has replaced.
    const baggage = url === null ? "" : outboundRequest.baggageFor(url, existing === "" ? null : existing);
    if (isHeaders(this.#given)) {
      const copy = copyOf(this.#given);
      if (baggage !== "") copy.set("baggage", baggage);
      copy.append(TICKET_HEADER, outboundRequest.ticket);
      return copy;
    }
    const tickets = [...this.lines(TICKET_HEADER), outboundRequest.ticket].join(",");
    const others = this.#read().filter(
      ([name]) => !isName(name, TICKET_HEADER) && !(baggage !== "" && isName(name, "baggage")),
    );
    const pairs = [
      ...others,
      ...(baggage === "" ? [] : [["baggage", baggage] as const]),
      [TICKET_HEADER, tickets] as const,
    ];
    return isIterable(this.#given) ? pairs : Object.fromEntries(pairs);
  }

  /** True if reading has used up the given headers, as it does an iterator. */
  get wereUsedUp(): boolean {
    return this.#pairs !== undefined && isIterable(this.#given) && "next" in this.#given;
  }

  /** The same pairs, readable once more. */
  get again(): unknown {
    return this.#read();
  }

  #read(): readonly Pair[] {
    this.#pairs ??= [...pairsOf(this.#given)];
    return this.#pairs;
  }
}

function pairsOf(headers: unknown): Iterable<Pair> {
  if (isIterable(headers)) return headers;
  return typeof headers === "object" && headers !== null ? Object.entries(headers) : [];
}

function isIterable(headers: unknown): headers is Iterable<Pair> {
  return typeof headers === "object" && headers !== null && Symbol.iterator in headers;
}

function isHeaders(headers: unknown): headers is Headers {
  return isIterable(headers) && "append" in headers && "set" in headers;
}

/**
 * A copy by the same class, which keeps the order of its own list. If the class's constructor does not take its own
 * instances, the copy is sorted.
 */
function copyOf(headers: Headers): Headers {
  try {
    // why: the constructor of a class Headers takes one
    const Class = headers.constructor as typeof Headers;
    return new Class(headers);
  } catch {
    return new Headers(headers);
  }
}
