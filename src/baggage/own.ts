import { isBaggageOctets, isOws, trimOws } from "./grammar.ts";
import { MAX_HEADER_BYTES } from "./limits.ts";
import { memberKey } from "./merge.ts";
import { percentDecode } from "./percent.ts";

/** Own members of one header, found without parsing the others. */
export interface OwnMembers {
  /** Alternating names (the key without the prefix) and decoded values, in header order. */
  readonly pairs: readonly string[];
  /** Own members whose value breaks the grammar, or that stand behind white space which only some parsers trim. */
  readonly malformed: number;
  /** Own members beyond the header's 8192 bytes. */
  readonly overBudget: number;
  /** Members whose key has our prefix only when it is percent-decoded. */
  readonly encoded: number;
}

const NONE: OwnMembers = Object.freeze({ pairs: Object.freeze([]), malformed: 0, overBudget: 0, encoded: 0 });

/**
 * Reads the members under `prefix`. The cost is that of finding the prefix in the text, not of the members around it.
 * Never throws; linear in the length of the header.
 */
export function readOwnMembers(header: string, prefix: string): OwnMembers {
  let at = header.indexOf(prefix);
  const hasEscapes = header.includes("%");
  if (at === -1 && !hasEscapes) return NONE;

  const pairs: string[] = [];
  let malformed = 0;
  let overBudget = 0;
  while (at !== -1) {
    const lead = leadOf(header, at);
    const comma = header.indexOf(",", at);
    const end = comma === -1 ? header.length : comma;
    if (lead !== "inside") {
      if (end > MAX_HEADER_BYTES && at + trimOws(header.slice(at, end)).length > MAX_HEADER_BYTES) overBudget++;
      else if (lead === "foreign-space" || !pushPair(pairs, header, at + prefix.length, end)) malformed++;
    }
    at = header.indexOf(prefix, end);
  }
  return { pairs, malformed, overBudget, encoded: hasEscapes ? countEncoded(header, prefix) : 0 };
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
    if (code === 0x2c) return lead;
    if (isOws(code)) continue;
    if (header.charAt(i).trim() !== "") return "inside";
    lead = "foreign-space";
  }
  return lead;
}

function pushPair(pairs: string[], header: string, start: number, end: number): boolean {
  const segment = header.slice(start, end);
  const equals = segment.indexOf("=");
  if (equals === -1) return false;
  const name = trimOws(segment.slice(0, equals));
  if (name.includes(";")) return false;
  const semicolon = segment.indexOf(";", equals);
  const raw = trimOws(segment.slice(equals + 1, semicolon === -1 ? undefined : semicolon));
  const value = isBaggageOctets(raw) ? percentDecode(raw) : undefined;
  if (value === undefined) return false;
  pairs.push(name, value);
  return true;
}

/** Looks at the members that hold a percent sign in their key; one in a value costs two searches. */
function countEncoded(header: string, prefix: string): number {
  let count = 0;
  let percent = header.indexOf("%");
  while (percent !== -1) {
    const start = header.lastIndexOf(",", percent) + 1;
    const comma = header.indexOf(",", percent);
    if (!header.slice(start, percent).includes("=")) {
      const segment = header.slice(start, comma === -1 ? undefined : comma);
      const key = memberKey(segment);
      if (!key.startsWith(prefix) && isOwnKey(key, prefix)) count++;
    }
    if (comma === -1) break;
    percent = header.indexOf("%", comma);
  }
  return count;
}

/**
 * Whether a key, as it stands on the wire or in OpenTelemetry's baggage, is ours: it has the prefix, or gets it when
 * it is percent-decoded or trimmed as OpenTelemetry's propagator does before it passes the member on.
 */
export function isOwnKey(key: string, prefix: string): boolean {
  if (key.startsWith(prefix)) return true;
  const decoded = percentDecode(key.trim());
  return decoded !== undefined && decoded.trim().startsWith(prefix);
}

/** Whether a list may hold an own member; a quick test before the members are looked at one by one. */
export function mayHoldOwn(header: string, prefix: string): boolean {
  return header.includes(prefix) || header.includes("%");
}
