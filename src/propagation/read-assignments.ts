import type { CompiledAssignment } from "../assignment/assignment.ts";
import { isExperimentKey, isExperimentName } from "../assignment/names.ts";
import type { CompiledExperiment } from "../assignment/registry.ts";
import { fitOwnMembers } from "../scope/own-budget.ts";
import type { Receiver } from "./receiver.ts";

/** The members of one experiment, before they are checked together. */
interface Draft {
  readonly key: string;
  readonly declared: CompiledExperiment | undefined;
  id: string | undefined;
  variant: string | undefined;
  /** The declared assignment to the variant. */
  shared: CompiledAssignment | undefined;
  forced: boolean;
  subject: string | undefined;
  members: number;
}

/** The assignments in a trusted caller's members. Members that do not count are counted by reason. */
export function readAssignments(receiver: Receiver, parts: readonly string[]): readonly CompiledAssignment[] {
  const { options, counters } = receiver;
  const assignments: CompiledAssignment[] = [];
  for (const draft of draftsOf(receiver, parts)) {
    const assignment = resolve(receiver, draft);
    if (assignment !== undefined) assignments.push(assignment);
  }
  if (assignments.length < 2) return assignments;
  const { kept, leftOut } = fitOwnMembers(assignments, options.primary);
  if (leftOut > 0) counters.reject("over_limit", leftOut);
  return leftOut === 0 ? assignments : kept;
}

/** In the order of first appearance. The last draft is tried first, since one experiment's members are mostly adjacent. */
function draftsOf({ catalog, counters }: Receiver, parts: readonly string[]): readonly Draft[] {
  const drafts: Draft[] = [];
  let byKey: Map<string, Draft> | undefined;
  let draft: Draft | undefined;
  for (let i = 0; i < parts.length; i += 3) {
    const key = parts[i] ?? "";
    if (draft?.key !== key) {
      byKey ??= new Map();
      if (draft !== undefined) byKey.set(draft.key, draft);
      draft = byKey.get(key);
    }
    if (draft === undefined) {
      const declared = catalog.declared.get(key);
      if (declared !== undefined || isExperimentKey(key)) {
        draft = {
          key,
          declared,
          id: undefined,
          variant: undefined,
          shared: undefined,
          forced: false,
          subject: undefined,
          members: 0,
        };
        drafts.push(draft);
      }
    }
    if (draft !== undefined && apply(draft, parts[i + 1] ?? "", parts[i + 2] ?? "")) draft.members++;
    else counters.reject("malformed");
  }
  return drafts;
}

/** Applies one member to its draft; false if the member is malformed. Declared names need no check. */
function apply(draft: Draft, field: string, value: string): boolean {
  switch (field) {
    case "variant": {
      const shared = draft.declared?.assignments.get(value);
      if (shared === undefined && !isExperimentName(value)) return false;
      draft.shared = shared;
      draft.variant = value;
      return true;
    }
    case "id":
      if (value !== draft.declared?.id && !isExperimentName(value)) return false;
      draft.id = value;
      return true;
    case "forced":
      draft.forced = value === "1";
      return draft.forced;
    case "subject":
      if (!isExperimentName(value)) return false;
      draft.subject = value;
      return true;
    default:
      return false;
  }
}

function resolve({ options, catalog, counters }: Receiver, draft: Draft): CompiledAssignment | undefined {
  const { key, declared, id = declared?.id, variant, shared, forced, subject, members } = draft;
  if (variant === undefined) {
    counters.reject("orphan", members);
    return undefined;
  }
  if (shared === undefined && options.dropsUnknown && !catalog.has(key, variant)) {
    counters.reject("unknown", members);
    return undefined;
  }
  if (declared !== undefined && id !== declared.id) counters.reject("id_mismatch");
  else if (shared !== undefined && !forced && subject === undefined) return shared;
  const assignment = { key, id, variant, forced, ...(subject === undefined ? {} : { subject }) };
  return catalog.compile(assignment, { subjectTravels: true });
}
