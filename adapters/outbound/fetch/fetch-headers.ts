import { isName, type OutboundRequest, TICKET_HEADER } from "../../../src/adapter.ts";

type Pair = readonly [name: unknown, value: unknown];

/**
 * The headers of a call of fetch: an object of a class `Headers`, a record, or an iterable of pairs. The form stays, and
 * with it the order: an implementation of fetch sorts the `Headers` of another one.
 */
export class FetchHeaders {
  readonly #given: unknown;
  #pairs: readonly Pair[] | undefined;

  constructor(given: unknown) {
    this.#given = given;
  }

  /** The lines of a header, by its lower-case name. */
  readonly lines = (name: string): readonly string[] =>
    this.#read().flatMap((pair) => (isName(pair[0], name) ? [String(pair[1])] : []));

  /** With the outboundRequest's ticket and its `baggage` for the first destination. */
  with(outboundRequest: OutboundRequest, url: URL | null): unknown {
    const existing = this.lines("baggage").join(", ");
    // The process-wide stop writes the header anew, hop by hop. This one is for a fetch that is replaced in a test.
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

  /** Whether looking at them has used them up, as it does an iterator. */
  get wereUsedUp(): boolean {
    return this.#pairs !== undefined && isIterable(this.#given) && "next" in this.#given;
  }

  /** The same pairs, to be read once more. */
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

/** Of the same class, whose own list is copied as it is; a class whose constructor takes something else is sorted. */
function copyOf(headers: Headers): Headers {
  try {
    // why: the constructor of a class Headers takes one
    const Class = headers.constructor as typeof Headers;
    return new Class(headers);
  } catch {
    return new Headers(headers);
  }
}
