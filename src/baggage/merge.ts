import { appendMember, formatMembers } from "./format.ts";
import { joinLines, trimOws } from "./grammar.ts";
import type { BaggageMemberInput } from "./member.ts";

/** Characters that no header value may hold: control characters except the tab, and characters above U+00FF. */
const UNWRITABLE = /[^\t\x20-\x7e\x80-\xff]/;

/**
 * Merges members into the existing header of an outgoing request. `""` means: set no header.
 *
 * Existing members keep their bytes and their order, malformed ones too; only a member that cannot stand in a header at
 * all (control characters) is removed. A given member replaces the first existing one with its key, and the others with
 * that key are removed; new keys come last. If a given member does not fit into 8192 bytes, it is dropped whole; an
 * existing one is never dropped for lack of room. A second merge changes nothing. Never throws.
 */
export function mergeBaggage(
  existing: string | readonly string[] | undefined,
  members: readonly BaggageMemberInput[],
): string {
  const ours = formatMembers(members);
  const segments = splitMembers(joinLines(existing));
  const theirs = segments.filter((segment) => !ours.has(memberKey(segment)));
  let room = theirs.join(",");
  const placed = new Set<string>();
  for (const [key, text] of ours) {
    const extended = appendMember(room, text);
    if (extended === room) continue;
    room = extended;
    placed.add(key);
  }
  return arrange(segments, ours, placed);
}

function arrange(segments: readonly string[], ours: ReadonlyMap<string, string>, placed: ReadonlySet<string>): string {
  const list: string[] = [];
  const pending = new Set(placed);
  for (const segment of segments) {
    const key = memberKey(segment);
    const text = ours.get(key);
    if (text === undefined) list.push(segment);
    else if (pending.delete(key)) list.push(text);
  }
  for (const key of pending) list.push(ours.get(key) ?? "");
  return list.join(",");
}

/** The members of a list, unchanged, with the white space around them; empty parts are no members. */
export function splitMembers(text: string): string[] {
  return text.split(",").filter((segment) => trimOws(segment) !== "" && !UNWRITABLE.test(segment));
}

/** The list without the members that cannot stand in a header; if all can, the unchanged list. */
export function writableMembers(text: string): string {
  return UNWRITABLE.test(text) ? splitMembers(text).join(",") : text;
}

/** The key of a member in its wire form; `""` if the member has no `=` before its properties. */
export function memberKey(segment: string): string {
  const semicolon = segment.indexOf(";");
  const equals = segment.indexOf("=");
  if (equals === -1 || (semicolon !== -1 && semicolon < equals)) return "";
  return trimOws(segment.slice(0, equals));
}
