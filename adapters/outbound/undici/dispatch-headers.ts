import { isName, linesOf, type OutboundRequest, TICKET_HEADER } from "../../../src/adapter.ts";

type Pair = readonly [name: unknown, value: unknown];

/** The headers of a request to be dispatched. undici takes an object, a flat array, or an iterable of pairs. */
export class DispatchHeaders {
  readonly #given: unknown;
  #pairs: readonly Pair[] | undefined;

  constructor(given: unknown) {
    this.#given = given;
  }

  /** The lines of a header, by its lower-case name. */
  readonly lines = (name: string): readonly string[] =>
    this.#read().flatMap((pair) => (isName(pair[0], name) ? linesOf(pair[1]) : []));

  /** With the outboundRequest's ticket and its `baggage` for the first destination. The form stays. */
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
    // Where nothing of it may go to the first destination, a later hop's may still have the caller's: the stop decides.
    const line = (url === null ? "" : outboundRequest.baggageFor(url, present === "" ? null : present)) || present;
    if (line !== "") pairs.push(["baggage", line]);
    pairs.push([TICKET_HEADER, tickets.join(",")]);
    if (Array.isArray(this.#given)) return pairs.flat(1);
    return isIterable(this.#given) ? new Set(pairs) : Object.fromEntries(pairs);
  }

  /** Whether looking at them has used them up, as it does an iterator. */
  get wereUsedUp(): boolean {
    return this.#pairs !== undefined && isIterable(this.#given) && "next" in this.#given;
  }

  /** The same pairs, to be read once more. */
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
