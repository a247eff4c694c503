import { type Departure, TICKET_HEADER } from "../../src/adapter.ts";

type Pair = readonly [name: unknown, value: unknown];

/**
 * The headers of a request to be dispatched, with the departure's ticket and its `baggage` for the first destination.
 * undici takes an object, a flat array, or an iterable of pairs; the form stays, and the caller's is not changed.
 */
export function headersWith(headers: unknown, departure: Departure, url: URL | null): unknown {
  const pairs = pairsOf(headers);
  const existing = valuesOf(pairs, "baggage");
  const baggage = url === null ? existing : departure.baggageFor(url, existing === "" ? null : existing);
  const tickets = [valuesOf(pairs, TICKET_HEADER), departure.ticket].filter((ticket) => ticket !== "").join(",");
  const others = pairs.filter(([name]) => !isName(name, "baggage") && !isName(name, TICKET_HEADER));
  const all: Pair[] = [...others, ...(baggage === "" ? [] : [["baggage", baggage] as const]), [TICKET_HEADER, tickets]];
  if (Array.isArray(headers)) return all.flat(1);
  return isIterable(headers) ? new Set(all) : Object.fromEntries(all.map(([name, value]) => [String(name), value]));
}

function pairsOf(headers: unknown): readonly Pair[] {
  if (Array.isArray(headers)) {
    const flat: readonly unknown[] = headers;
    return flat.flatMap((name, i) => (i % 2 === 0 ? [[name, flat[i + 1]] as const] : []));
  }
  if (isIterable(headers)) return [...headers];
  return typeof headers === "object" && headers !== null ? Object.entries(headers) : [];
}

function valuesOf(pairs: readonly Pair[], lowerCase: string): string {
  return pairs
    .filter(([name, value]) => isName(name, lowerCase) && value !== undefined && value !== null)
    .flatMap(([, value]) => (Array.isArray(value) ? value.map(textOf) : textOf(value)))
    .join(",");
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
