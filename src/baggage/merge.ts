import { appendMember, formatMembers } from "./format.ts";
import { joinLines, trimOws } from "./grammar.ts";
import type { BaggageMemberInput } from "./member.ts";

/** What no header value may hold: control characters but the tab, and what is beyond one byte. */
const UNWRITABLE = /[^\t\x20-\x7e\x80-\xff]/;

/**
 * Puts members into a header that an outgoing request already has. `""` means that no header is to be set.
 *
 * The others' members stay as they are, byte for byte and in their order, malformed ones too; only what could not
 * stand in a header at all (control characters) is taken out. A member of ours takes the place of the first one with
 * its key, and the others with that key go; new ones come last. What has no room within 8192 bytes is dropped whole,
 * ours and never theirs. Merging twice changes nothing. Never throws.
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

/** The members of a list as they stand there, white space around them included; empty ones are no members. */
export function splitMembers(text: string): string[] {
  return text.split(",").filter((segment) => trimOws(segment) !== "" && !UNWRITABLE.test(segment));
}

/** The list without the members that could not stand in a header; to the byte as it was where all of them could. */
export function writableMembers(text: string): string {
  return UNWRITABLE.test(text) ? splitMembers(text).join(",") : text;
}

/** The key of a member as it stands on the wire. */
export function memberKey(segment: string): string {
  const semicolon = segment.indexOf(";");
  const equals = segment.indexOf("=");
  if (equals === -1 || (semicolon !== -1 && semicolon < equals)) return "";
  return trimOws(segment.slice(0, equals));
}
