import { isBaggageOctets, isOws, isPlainOctet, trimOws } from "./grammar.ts";
import { MAX_HEADER_BYTES } from "./limits.ts";
import { memberKey } from "./merge.ts";
import { percentDecode } from "./percent.ts";

/** Own members of one header, found without parsing the others. */
export interface OwnMembers {
  /**
   * Three strings for each member, in header order: what stands between the prefix and the last dot of the key
   * (`checkout`), what stands behind it (`variant`), and the decoded value.
   */
  readonly parts: readonly string[];
  /** Own members whose value breaks the grammar, or that stand behind white space which only some parsers trim. */
  readonly malformed: number;
  /** Own members beyond the header's 8192 bytes. */
  readonly overBudget: number;
  /** Members whose key has our prefix only when it is percent-decoded. */
  readonly encoded: number;
}

const NONE: OwnMembers = Object.freeze({ parts: Object.freeze([]), malformed: 0, overBudget: 0, encoded: 0 });

const COMMA = 0x2c;
const SEMICOLON = 0x3b;
const EQUALS = 0x3d;
const DOT = 0x2e;

/** Finds the members under one prefix. What can be known of the prefix is computed once. */
export class OwnMemberReader {
  readonly prefix: string;
  readonly #escapes: ReadonlySet<number>;

  constructor(prefix: string) {
    this.prefix = prefix;
    this.#escapes = escapesOf(prefix);
  }

  /**
   * Reads the own members of a header. The cost is that of finding the prefix in the text, not of the members around
   * it. Never throws; linear in the length of the header.
   */
  read(header: string): OwnMembers {
    const first = header.indexOf(this.prefix);
    const encoded = this.#countEncoded(header, MAX_HEADER_BYTES);
    if (first === -1) return encoded === 0 ? NONE : { ...NONE, encoded };

    const parts: string[] = [];
    let malformed = 0;
    let overBudget = 0;
    for (let at = first; at !== -1; ) {
      const lead = leadOf(header, at);
      const comma = header.indexOf(",", at);
      const end = comma === -1 ? header.length : comma;
      if (lead !== "inside") {
        if (end > MAX_HEADER_BYTES && at + trimOws(header.slice(at, end)).length > MAX_HEADER_BYTES) overBudget++;
        else if (lead === "foreign-space" || !pushMember(parts, header, at + this.prefix.length, end)) malformed++;
      }
      at = comma === -1 ? -1 : header.indexOf(this.prefix, comma);
    }
    return { parts, malformed, overBudget, encoded };
  }

  /** Whether a list may hold an own member; a quick test before its members are looked at one by one. */
  mayBeIn(list: string): boolean {
    return list.includes(this.prefix) || this.#countEncoded(list, list.length) > 0;
  }

  /**
   * Whether a key, as it stands on the wire or in OpenTelemetry's baggage, is ours: it has the prefix, or gets it when
   * it is trimmed and percent-decoded as OpenTelemetry's propagator does before it passes the member on.
   */
  owns(key: string): boolean {
    if (key.startsWith(this.prefix)) return true;
    return percentDecode(key.trim())?.startsWith(this.prefix) ?? false;
  }

  /** A percent sign before `end` concerns us only where it encodes a character of the prefix, and stands in a key. */
  #countEncoded(header: string, end: number): number {
    let count = 0;
    for (let at = header.indexOf("%"); at !== -1 && at < end; at = header.indexOf("%", at + 1)) {
      if (!this.#escapes.has(escapeAt(header, at))) continue;
      const start = header.lastIndexOf(",", at) + 1;
      const comma = header.indexOf(",", at);
      const key = memberKey(header.slice(start, comma === -1 ? undefined : comma));
      if (!key.trim().startsWith(this.prefix) && this.owns(key)) count++;
      if (comma === -1) break;
      at = comma;
    }
    return count;
  }
}

/** The escapes that stand for the characters of a text, as `escapeAt` gives them. */
function escapesOf(text: string): ReadonlySet<number> {
  const escapes = new Set<number>();
  for (const char of text) {
    const hex = char.charCodeAt(0).toString(16);
    for (const form of [hex.toLowerCase(), hex.toUpperCase()]) escapes.add(escapeAt(`%${form}`, 0));
  }
  return escapes;
}

/** The two characters behind a percent sign as one number; NaN, which is 0 here, where there are none. */
function escapeAt(text: string, percent: number): number {
  return (text.charCodeAt(percent + 1) << 16) | text.charCodeAt(percent + 2);
}

/**
 * What stands between the last comma and the prefix. `clean`: nothing, or white space that the grammar allows, so a
 * member starts here. `foreign-space`: white space that only JavaScript trims, so OpenTelemetry takes it for a member
 * and the grammar does not. `inside`: other characters, so the prefix is part of another member.
 */
type Lead = "clean" | "foreign-space" | "inside";

function leadOf(header: string, at: number): Lead {
  let lead: Lead = "clean";
  for (let i = at - 1; i >= 0; i--) {
    const code = header.charCodeAt(i);
    if (code === COMMA) return lead;
    if (isOws(code)) continue;
    if (header.charAt(i).trim() !== "") return "inside";
    lead = "foreign-space";
  }
  return lead;
}

function decodeValue(raw: string): string | undefined {
  const value = trimOws(raw);
  return isBaggageOctets(value) ? percentDecode(value) : undefined;
}

/** Reads one member from behind its prefix, or says that it breaks the grammar. Looks at nothing beyond its end. */
function pushMember(parts: string[], header: string, start: number, end: number): boolean {
  let equals = start;
  let dot = -1;
  for (; equals < end; equals++) {
    const code = header.charCodeAt(equals);
    if (code === EQUALS) break;
    if (code === SEMICOLON) return false;
    if (code === DOT) dot = equals;
  }
  if (equals === end) return false;
  let isPlain = true;
  let valueEnd = equals + 1;
  for (; valueEnd < end; valueEnd++) {
    const code = header.charCodeAt(valueEnd);
    if (code === SEMICOLON) break;
    isPlain &&= isPlainOctet(code);
  }
  const raw = header.slice(equals + 1, valueEnd);
  const value = isPlain ? raw : decodeValue(raw);
  if (value === undefined) return false;
  parts.push(
    dot === -1 ? "" : header.slice(start, dot),
    header.slice(dot === -1 ? start : dot + 1, equals - owsBefore(header, equals)),
    value,
  );
  return true;
}

/** How much white space stands before a place. That behind the last dot stands within the key, which is no token then. */
function owsBefore(text: string, end: number): number {
  let start = end;
  while (start > 0 && isOws(text.charCodeAt(start - 1))) start--;
  return end - start;
}
