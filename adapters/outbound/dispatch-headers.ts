import { type Departure, TICKET_HEADER } from "../../src/adapter.ts";

type Pair = readonly [name: unknown, value: unknown];

/**
 * The headers of a request to be dispatched, with the departure's ticket and its `baggage` for the first destination.
 * undici takes an object, a flat array, or an iterable of pairs; the form stays, and the caller's is not changed.
 */
export function headersWith(headers: unknown, departure: Departure, url: URL | null): unknown {
  const pairs: Pair[] = [];
  let baggage = "";
  let tickets = departure.ticket;
  for (const pair of pairsOf(headers)) {
    if (isName(pair[0], "baggage")) baggage = joined(baggage, pair[1]);
    else if (isName(pair[0], TICKET_HEADER)) tickets = joined(tickets, pair[1]);
    else pairs.push(pair);
  }
  // Where nothing of it may go to the first destination, a later hop's may still have the caller's: the stop decides.
  if (url !== null) baggage = departure.baggageFor(url, baggage === "" ? null : baggage) || baggage;
  if (baggage !== "") pairs.push(["baggage", baggage]);
  pairs.push([TICKET_HEADER, tickets]);
  if (Array.isArray(headers)) return pairs.flat(1);
  return isIterable(headers) ? new Set(pairs) : Object.fromEntries(pairs);
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

function joined(list: string, value: unknown): string {
  if (value === undefined || value === null) return list;
  const text = Array.isArray(value) ? value.map(textOf).join(",") : textOf(value);
  return list === "" ? text : `${list},${text}`;
}

function isName(name: unknown, lowerCase: string): boolean {
  const text = textOf(name);
  return text.length === lowerCase.length && text.toLowerCase() === lowerCase;
}

function textOf(part: unknown): string {
  return part instanceof Uint8Array ? Buffer.from(part).toString("latin1") : String(part);
}

function isIterable(headers: unknown): headers is Iterable<Pair> {
  return typeof headers === "object" && headers !== null && Symbol.iterator in headers;
}
