import { isBaggageOctets, isOws, isToken, joinLines, trimOws } from "./grammar.ts";
import { MAX_HEADER_BYTES } from "./limits.ts";
import type { BaggageMember, BaggageProperty } from "./member.ts";
import { percentDecode } from "./percent.ts";

const NO_PROPERTIES: readonly BaggageProperty[] = Object.freeze([]);

/**
 * Reads a `baggage` header, or its lines in order.
 *
 * Members come in header order. If two have the same key, the last valid one takes the first one's place.
 * If a member breaks the grammar, only that member is dropped. If the header has more than 8192 bytes (lines joined by
 * commas), the members before the first one that does not fit are kept. Never throws.
 *
 * Source: W3C Baggage, "Header Content"; duplicates by OpenTelemetry's Baggage API.
 */
export function parseBaggage(header: string | readonly string[]): readonly BaggageMember[] {
  const text = joinLines(header);
  const members = new Map<string, BaggageMember>();
  for (let start = 0; start < text.length; ) {
    const comma = text.indexOf(",", start);
    const end = comma === -1 ? text.length : comma;
    const segment = text.slice(start, end);
    if (end > MAX_HEADER_BYTES && start + endOfContent(segment) > MAX_HEADER_BYTES) break;
    const member = parseMember(segment);
    if (member !== undefined) members.set(member.key, member);
    start = end + 1;
  }
  return [...members.values()];
}

/** White space after a member is not part of it, so it does not count towards the limit. */
function endOfContent(segment: string): number {
  let end = segment.length;
  while (end > 0 && isOws(segment.charCodeAt(end - 1))) end--;
  return end;
}

function parseMember(segment: string): BaggageMember | undefined {
  const semicolon = segment.indexOf(";");
  const pair = semicolon === -1 ? segment : segment.slice(0, semicolon);
  const equals = pair.indexOf("=");
  if (equals === -1) return undefined;
  const key = trimOws(pair.slice(0, equals));
  if (!isToken(key)) return undefined;
  const value = parseValue(pair.slice(equals + 1));
  if (value === undefined) return undefined;
  const properties = semicolon === -1 ? NO_PROPERTIES : parseProperties(segment.slice(semicolon + 1));
  return { key, value, properties };
}

function parseValue(raw: string): string | undefined {
  const value = trimOws(raw);
  return isBaggageOctets(value) ? percentDecode(value) : undefined;
}

/** If a property breaks the grammar, only that property is dropped; the member stays. */
function parseProperties(text: string): readonly BaggageProperty[] {
  const properties: BaggageProperty[] = [];
  for (const part of text.split(";")) {
    const equals = part.indexOf("=");
    const key = trimOws(equals === -1 ? part : part.slice(0, equals));
    if (!isToken(key)) continue;
    if (equals === -1) {
      properties.push({ key });
      continue;
    }
    const value = parseValue(part.slice(equals + 1));
    if (value !== undefined) properties.push({ key, value });
  }
  return properties;
}
