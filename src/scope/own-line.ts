import type { CompiledAssignment } from "../assignment/assignment.ts";
import { fitFields, fitOwnMembers } from "./own-budget.ts";

/** The own members to send: whole experiments, the most important first, then fields. */
export interface OwnLine {
  readonly text: string;
  /** The parts of the text, each of which is kept whole or left out. */
  readonly parts: readonly string[];
}

/** The line of a scope without an assignment and without a field. */
export const EMPTY_LINE: OwnLine = Object.freeze({ text: "", parts: Object.freeze([]) });

/**
 * Formats the own members that fit into the budget of a request.
 *
 * @param fields members of fields, in the order of declaration
 * @param leaveOut called with the number of members that had no room
 */
export function formatOwnLine(
  assignments: readonly CompiledAssignment[],
  fields: readonly string[],
  primary: string | undefined,
  leaveOut: (members: number) => void,
): OwnLine {
  const experiments = fitExperiments(assignments, primary, leaveOut);
  if (fields.length === 0) return experiments.length === 0 ? EMPTY_LINE : lineOf(experiments);
  const { kept, leftOut } = fitFields(fields, lineOf(experiments).text.length);
  if (leftOut > 0) leaveOut(leftOut);
  return lineOf([...experiments, ...kept]);
}

function fitExperiments(
  assignments: readonly CompiledAssignment[],
  primary: string | undefined,
  leaveOut: (members: number) => void,
): readonly string[] {
  const [only, ...others] = assignments;
  if (only === undefined) return [];
  if (others.length === 0) return [only.members];
  const { kept, leftOut } = fitOwnMembers(assignments, primary);
  if (leftOut > 0) leaveOut(leftOut);
  return kept.map(({ members }) => members);
}

function lineOf(parts: readonly string[]): OwnLine {
  return { text: parts.join(","), parts };
}
