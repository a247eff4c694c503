import { isToken } from "./grammar.ts";
import { MAX_HEADER_BYTES } from "./limits.ts";
import type { BaggageMemberInput, BaggageProperty } from "./member.ts";
import { percentEncode } from "./percent.ts";

/**
 * Writes members as one header value, in their order. If two have the same key, the last one takes the first one's
 * place. `""` means: set no header.
 *
 * If a key is no token, its member or property is dropped; keys are never encoded. Values are percent-encoded where
 * the grammar requires it; numbers, booleans and bigints are written by `String`. If a value has another type, its
 * member is dropped. If a member does not fit into 8192 bytes, it is dropped whole; shorter ones after it may still fit.
 * Never throws.
 *
 * Source: W3C Baggage, "Header Content" and "Limits".
 */
export function formatBaggage(members: readonly BaggageMemberInput[]): string {
  let text = "";
  for (const member of formatMembers(members).values()) text = appendMember(text, member);
  return text;
}

/** The members by key, each in its wire form. */
export function formatMembers(members: readonly BaggageMemberInput[]): ReadonlyMap<string, string> {
  const formatted = new Map<string, string>();
  for (const member of listOf(members)) {
    const [key, text] = attempt(() => formatMember(member)) ?? [];
    if (key !== undefined && text !== undefined) formatted.set(key, text);
  }
  return formatted;
}

/** At run time an input may be any value, even a proxy or an object whose getters throw. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function listOf<T>(list: readonly T[] | undefined): readonly T[] {
  return attempt(() => (Array.isArray(list) ? [...(list as readonly T[])] : [])) ?? [];
}

/** The list with the member at its end; if the member does not fit, the unchanged list. */
export function appendMember(list: string, member: string): string {
  const extended = list === "" ? member : `${list},${member}`;
  return extended.length > MAX_HEADER_BYTES ? list : extended;
}

function formatMember(member: BaggageMemberInput): readonly [key: string, text: string] | undefined {
  const { key, properties } = member;
  const value = formatValue(member.value);
  if (value === undefined || typeof key !== "string" || !isToken(key)) return undefined;
  const suffix = listOf(properties).map((property) => attempt(() => formatProperty(property)) ?? "");
  return [key, `${key}=${value}${suffix.join("")}`];
}

function formatProperty({ key, value }: BaggageProperty): string {
  if (typeof key !== "string" || !isToken(key)) return "";
  if (value === undefined) return `;${key}`;
  const text = formatValue(value);
  return text === undefined ? "" : `;${key}=${text}`;
}

function formatValue(value: unknown): string | undefined {
  if (typeof value === "string") return percentEncode(value);
  const isPrimitive = typeof value === "number" || typeof value === "boolean" || typeof value === "bigint";
  return isPrimitive ? String(value) : undefined;
}
