import type { CompiledAssignment } from "../assignment/assignment.ts";
import { ADVISED_OWN_BYTES, MAX_EXPERIMENTS, MAX_OWN_BYTES } from "../baggage/limits.ts";
import { warnOnce } from "../checks/diagnostics.ts";

/** The fields that one request may carry behind its experiments, and how many had no room. */
export interface FittedFields {
  readonly kept: readonly string[];
  readonly leftOut: number;
}

/** Fields take the room that experiments leave, in their order; each is kept whole or left out. */
export function fitFields(members: readonly string[], bytesBefore: number): FittedFields {
  const kept: string[] = [];
  let bytes = bytesBefore;
  for (const member of members) {
    const size = member.length + (bytes === 0 ? 0 : 1);
    if (bytes + size > MAX_OWN_BYTES) continue;
    bytes += size;
    kept.push(member);
  }
  warnOfSize(bytes);
  return { kept, leftOut: members.length - kept.length };
}

function warnOfSize(bytes: number): void {
  if (bytes <= ADVISED_OWN_BYTES) return;
  warnOnce(
    "own-bytes",
    `a request carries ${bytes} bytes of experiments and fields; stop finished experiments and share fewer fields, since every call of the chain carries them`,
  );
}

/** The assignments that one request may carry, the most important first, and the number of members that had no room. */
export interface FittedAssignments {
  readonly kept: readonly CompiledAssignment[];
  readonly leftOut: number;
}

/** The number of members in some texts. */
export function countMembers(texts: readonly string[]): number {
  return texts.reduce((count, text) => count + text.split(",").length, 0);
}

/** The primary experiment has the first claim, then forced ones, then the rest; each is kept whole or left out. */
export function fitOwnMembers(
  assignments: readonly CompiledAssignment[],
  primary: string | undefined,
): FittedAssignments {
  const rank = (assignment: CompiledAssignment): number => (assignment.key === primary ? 0 : assignment.forced ? 1 : 2);
  const ordered = assignments.length === 1 ? assignments : assignments.toSorted((a, b) => rank(a) - rank(b));
  const kept: CompiledAssignment[] = [];
  const leftOut: string[] = [];
  let bytes = 0;
  for (const assignment of ordered) {
    const size = assignment.members.length + (kept.length === 0 ? 0 : 1);
    if (kept.length === MAX_EXPERIMENTS || bytes + size > MAX_OWN_BYTES) {
      leftOut.push(assignment.members);
      continue;
    }
    bytes += size;
    kept.push(assignment);
  }
  warnOfSize(bytes);
  return { kept, leftOut: countMembers(leftOut) };
}
