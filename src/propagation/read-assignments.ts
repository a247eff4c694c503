import type { CompiledAssignment } from "../assignment/assignment.ts";
import type { Catalog } from "../assignment/catalog.ts";
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
  /** The draft that appeared after this one. */
  next: Draft | undefined;
}

/** The assignments in a trusted caller's members. Members that do not count are counted by reason. */
export function readAssignments(receiver: Receiver, parts: readonly string[]): readonly CompiledAssignment[] {
  const { options, counters } = receiver;
  const first = draftsOf(receiver, parts);
  if (first === undefined) return [];
  if (first.next === undefined) return resolve(receiver, first)?.alone ?? [];
  const assignments: CompiledAssignment[] = [];
  for (let draft: Draft | undefined = first; draft !== undefined; draft = draft.next) {
    const assignment = resolve(receiver, draft);
    if (assignment !== undefined) assignments.push(assignment);
  }
  if (assignments.length < 2) return assignments;
  const { kept, leftOut } = fitOwnMembers(assignments, options.primary);
  if (leftOut > 0) counters.reject("over_limit", leftOut);
  return leftOut === 0 ? assignments : kept;
}

/**
 * The first draft, which leads to the others in the order of first appearance. The last draft is tried first, since one
 * experiment's members are mostly adjacent.
 */
function draftsOf({ catalog, counters }: Receiver, parts: readonly string[]): Draft | undefined {
  let first: Draft | undefined;
  let last: Draft | undefined;
  let draft: Draft | undefined;
  let byKey: Map<string, Draft> | undefined;
  for (let i = 0; i < parts.length; i += 3) {
    const key = parts[i] ?? "";
    if (draft !== undefined && draft.key !== key) {
      byKey ??= new Map();
      byKey.set(draft.key, draft);
    }
    if (draft?.key !== key) draft = byKey?.get(key) ?? newDraft(catalog, key);
    if (draft !== undefined && draft !== last && draft.next === undefined) {
      if (last === undefined) first = draft;
      else last.next = draft;
      last = draft;
    }
    if (draft !== undefined && apply(draft, parts[i + 1] ?? "", parts[i + 2] ?? "")) draft.members++;
    else counters.reject("malformed");
  }
  return first;
}

/** Undefined for a key that no experiment can have. */
function newDraft({ declared }: Catalog, key: string): Draft | undefined {
  const experiment = declared.get(key);
  if (experiment === undefined && !isExperimentKey(key)) return undefined;
  return {
    key,
    declared: experiment,
    id: undefined,
    variant: undefined,
    shared: undefined,
    forced: false,
    subject: undefined,
    members: 0,
    next: undefined,
  };
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
