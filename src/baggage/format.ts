import { isToken } from "./grammar.ts";
import { MAX_HEADER_BYTES } from "./limits.ts";
import type { BaggageMemberInput, BaggageProperty } from "./member.ts";
import { percentEncode } from "./percent.ts";

/**
 * Writes members as one header value, in their order; of two with one key the last counts, in the first one's place.
 * `""` means that no header is to be set.
 *
 * A key that is no token drops its member, or its property; keys are never encoded. Values are percent-encoded where
 * the grammar asks for it; numbers, booleans and bigints are written as `String` gives them; values of other types
 * drop their member. A member that does not fit into 8192 bytes is dropped whole, and what follows is still tried.
 * Never throws.
 *
 * Source: W3C Baggage, "Header Content" and "Limits".
 */
export function formatBaggage(members: readonly BaggageMemberInput[]): string {
  let text = "";
  for (const member of formatMembers(members).values()) text = appendMember(text, member);
  return text;
}

/** The members by key, each as it stands on the wire; `undefined` for the last of a key that cannot be written. */
export function formatMembers(members: readonly BaggageMemberInput[]): ReadonlyMap<string, string> {
  const formatted = new Map<string, string>();
  if (!Array.isArray(members)) return formatted;
  for (const member of members) {
    if (typeof member !== "object" || member === null) continue;
    const text = formatMember(member);
    if (text !== undefined) formatted.set(member.key, text);
  }
  return formatted;
}

/** The list with the member at its end, or the list as it was where the member does not fit. */
export function appendMember(list: string, member: string): string {
  const extended = list === "" ? member : `${list},${member}`;
  return extended.length > MAX_HEADER_BYTES ? list : extended;
}

function formatMember(member: BaggageMemberInput): string | undefined {
  const value = formatValue(member.value);
  if (value === undefined || typeof member.key !== "string" || !isToken(member.key)) return undefined;
  let text = `${member.key}=${value}`;
  if (!Array.isArray(member.properties)) return text;
  for (const property of member.properties) text += formatProperty(property);
  return text;
}

function formatProperty(property: BaggageProperty): string {
  if (typeof property !== "object" || property === null) return "";
  if (typeof property.key !== "string" || !isToken(property.key)) return "";
  if (property.value === undefined) return `;${property.key}`;
  const value = formatValue(property.value);
  return value === undefined ? "" : `;${property.key}=${value}`;
}

function formatValue(value: unknown): string | undefined {
  if (typeof value === "string") return percentEncode(value);
  const isPrimitive = typeof value === "number" || typeof value === "boolean" || typeof value === "bigint";
  return isPrimitive ? String(value) : undefined;
}
