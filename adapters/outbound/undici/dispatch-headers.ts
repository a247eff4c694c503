import { isName, linesOf, type OutboundRequest, TICKET_HEADER } from "../../../src/adapter.ts";

type Pair = readonly [name: unknown, value: unknown];

/** The headers of a request before dispatch. undici takes an object, a flat array, or an iterable of pairs. */
export class DispatchHeaders {
  readonly #given: unknown;
  #pairs: readonly Pair[] | undefined;

  constructor(given: unknown) {
    this.#given = given;
  }

  /** The lines of a header, by its name in lower case. */
  readonly lines = (name: string): readonly string[] =>
    this.#read().flatMap((pair) => (isName(pair[0], name) ? linesOf(pair[1]) : []));

  /** The headers with the request's ticket and its `baggage` for the first destination. The form is kept. */
  with(outboundRequest: OutboundRequest, url: URL | null): unknown {
    const pairs: Pair[] = [];
    const baggage: string[] = [];
    const tickets = [outboundRequest.ticket];
    for (const pair of this.#read()) {
      if (isName(pair[0], "baggage")) baggage.push(...linesOf(pair[1]));
      else if (isName(pair[0], TICKET_HEADER)) tickets.push(...linesOf(pair[1]));
      else pairs.push(pair);
    }
    const present = baggage.join(",");
    // If nothing may go to the first destination, the caller's baggage stays: the stop decides again at a later hop.
    const line = (url === null ? "" : outboundRequest.baggageFor(url, present === "" ? null : present)) || present;
    if (line !== "") pairs.push(["baggage", line]);
    pairs.push([TICKET_HEADER, tickets.join(",")]);
    if (Array.isArray(this.#given)) return pairs.flat(1);
    return isIterable(this.#given) ? new Set(pairs) : Object.fromEntries(pairs);
  }

  /** True if reading has used up the given headers, as it does an iterator. */
  get wereUsedUp(): boolean {
    return this.#pairs !== undefined && isIterable(this.#given) && "next" in this.#given;
  }

  /** The same pairs, readable once more. */
  get again(): Iterable<Pair> {
    return new Set(this.#read());
  }

  #read(): readonly Pair[] {
    this.#pairs ??= [...pairsOf(this.#given)];
    return this.#pairs;
  }
}

function pairsOf(headers: unknown): Iterable<Pair> {
  if (Array.isArray(headers)) return pairsOfFlat(headers);
  if (isIterable(headers)) return headers;
  return typeof headers === "object" && headers !== null ? Object.entries(headers) : [];
}

function pairsOfFlat(flat: readonly unknown[]): readonly Pair[] {
  const pairs: Pair[] = [];
  for (let i = 0; i < flat.length; i += 2) pairs.push([flat[i], flat[i + 1]]);
  return pairs;
}

function isIterable(headers: unknown): headers is Iterable<Pair> {
  return typeof headers === "object" && headers !== null && Symbol.iterator in headers;
}
