import type { CompiledAssignment } from "../assignment/assignment.ts";
import { isExperimentKey, isExperimentName } from "../assignment/names.ts";
import { readOwnMembers } from "../baggage/own.ts";
import type { Instance } from "../instance.ts";
import { fitOwnMembers } from "./own-budget.ts";
import type { Caller } from "./trust.ts";

/** What the members of one experiment say, before they are believed. */
interface Draft {
  readonly key: string;
  id: string | undefined;
  variant: string | undefined;
  forced: boolean;
  members: number;
}

const NOTHING: readonly CompiledAssignment[] = Object.freeze([]);

/** The assignments that came with a request, if its caller is trusted. Whatever does not count is counted by reason. */
export function readAssignments(instance: Instance, header: string, caller: Caller): readonly CompiledAssignment[] {
  const { options, counters } = instance;
  const own = readOwnMembers(header, options.prefix);
  counters.reject("encoded_key", own.encoded);
  counters.reject("malformed", own.malformed);
  counters.reject("over_limit", own.overBudget);
  if (own.pairs.length === 0) return NOTHING;
  if (!options.trusts(caller)) {
    counters.reject("untrusted", own.pairs.length / 2);
    return NOTHING;
  }
  const assignments: CompiledAssignment[] = [];
  for (const draft of draftsOf(instance, own.pairs)) {
    const assignment = resolve(instance, draft);
    if (assignment !== undefined) assignments.push(assignment);
  }
  if (assignments.length < 2) return assignments;
  const { kept, leftOut } = fitOwnMembers(assignments, options.primary);
  counters.reject("over_limit", leftOut);
  return leftOut === 0 ? assignments : kept;
}

function draftsOf({ counters }: Instance, pairs: readonly string[]): Iterable<Draft> {
  const drafts = new Map<string, Draft>();
  for (let i = 0; i < pairs.length; i += 2) {
    const name = pairs[i] ?? "";
    const value = pairs[i + 1] ?? "";
    const dot = name.lastIndexOf(".");
    const key = name.slice(0, Math.max(dot, 0));
    let draft = drafts.get(key);
    if (draft === undefined) {
      draft = { key, id: undefined, variant: undefined, forced: false, members: 0 };
      if (isExperimentKey(key)) drafts.set(key, draft);
    }
    if (!isExperimentKey(key) || !apply(draft, name.slice(dot + 1), value)) counters.reject("malformed");
    else draft.members++;
  }
  return drafts.values();
}

function apply(draft: Draft, field: string, value: string): boolean {
  if (field === "forced") {
    draft.forced = value === "1";
    return draft.forced;
  }
  if (!isExperimentName(value)) return false;
  if (field === "variant") draft.variant = value;
  else if (field === "id") draft.id = value;
  else return false;
  return true;
}

function resolve({ options, counters, compile }: Instance, draft: Draft): CompiledAssignment | undefined {
  const { key, id, variant, forced, members } = draft;
  if (variant === undefined) {
    counters.reject("orphan", members);
    return undefined;
  }
  const declared = options.registry?.get(key);
  if (options.dropsUnknown && options.registry !== undefined && !declared?.assignments.has(variant)) {
    counters.reject("unknown", members);
    return undefined;
  }
  if (declared !== undefined && id !== undefined && id !== declared.id) counters.reject("id_mismatch");
  return compile({ key, id: id ?? declared?.id, variant, forced });
}
