import { describeValue } from "../checks/describe-value.ts";
import type { MistakeReporter } from "../checks/mistakes.ts";
import { type Assignment, type CompiledAssignment, compileAssignment } from "./assignment.ts";
import { isExperimentKey, isExperimentName, KEY_RULE, NAME_RULE } from "./names.ts";
import type { CompiledExperiment, CompiledRegistry } from "./registry.ts";
import { UnregisteredAssignments } from "./unregistered.ts";

/** How an assignment differs from a declared one. */
interface AssignmentFlags {
  /** Whether it is the fallback of an assigner that failed. */
  readonly isFallback?: boolean;
  /** Whether the recorded subject travels. */
  readonly subjectTravels?: boolean;
}

/** The experiments of an instance, with the checks and assignments that depend on them. */
export interface Catalog {
  /** The declared experiments; empty without a registry. */
  readonly declared: CompiledRegistry;
  /** Whether the experiment may have the variant. */
  has(key: string, variant: string): boolean;
  /** Whether the user's code may use the key. @throws ExperimentUsageError in strict mode */
  checkKey(key: unknown, report: MistakeReporter): boolean;
  /** Whether the user's code may use the variant. @throws ExperimentUsageError in strict mode */
  checkVariant(key: string, variant: unknown, report: MistakeReporter): boolean;
  /** Everything that is written of an assignment; a declared one is shared by all requests. */
  compile(assignment: Assignment, flags?: AssignmentFlags): CompiledAssignment;
}

/** @param registry undefined if the instance declares no experiments; then every well-formed name is allowed */
export function catalogOf(registry: CompiledRegistry | undefined, prefix: string): Catalog {
  return registry === undefined ? new OpenCatalog(prefix) : new DeclaredCatalog(registry, prefix);
}

/** An assignment of an experiment by its key, with the id that the registry declares. */
export function assignmentByKey(catalog: Catalog, key: string, variant: string, forced = false): CompiledAssignment {
  return catalog.compile({ key, id: catalog.declared.get(key)?.id, variant, forced });
}

class DeclaredCatalog implements Catalog {
  readonly declared: CompiledRegistry;
  readonly #prefix: string;

  constructor(registry: CompiledRegistry, prefix: string) {
    this.declared = registry;
    this.#prefix = prefix;
  }

  has(key: string, variant: string): boolean {
    return this.declared.get(key)?.assignments.has(variant) === true;
  }

  checkKey(key: unknown, report: MistakeReporter): boolean {
    if (typeof key === "string" && this.declared.has(key)) return true;
    const keys = [...this.declared.keys()].join(", ");
    return report("ERR_UNKNOWN_EXPERIMENT", `there is no experiment ${describeValue(key)}; declared are ${keys}`);
  }

  checkVariant(key: string, variant: unknown, report: MistakeReporter): boolean {
    const experiment = this.declared.get(key);
    // A trusted caller may have sent an experiment that only another service declares.
    if (experiment === undefined) return checkName(variant, report);
    if (typeof variant === "string" && experiment.assignments.has(variant)) return true;
    const variants = [...experiment.assignments.keys()].join(", ");
    return report("ERR_UNKNOWN_VARIANT", `${key} has no variant ${describeValue(variant)}; declared are ${variants}`);
  }

  compile(
    assignment: Assignment,
    { isFallback = false, subjectTravels = false }: AssignmentFlags = {},
  ): CompiledAssignment {
    const experiment = this.declared.get(assignment.key);
    const shared = experiment?.id === assignment.id ? experiment?.assignments.get(assignment.variant) : undefined;
    const isPlain = !assignment.forced && !isFallback && assignment.subject === undefined;
    if (shared !== undefined && isPlain) return shared;
    const countable = shared !== undefined && !assignment.forced;
    return compileAssignment(assignment, { prefix: this.#prefix, countable, isFallback, subjectTravels });
  }
}

const NONE_DECLARED: CompiledRegistry = new Map<string, CompiledExperiment>();

/** Without a registry, every key and variant that is valid on the wire is allowed. */
class OpenCatalog implements Catalog {
  readonly declared: CompiledRegistry = NONE_DECLARED;
  readonly #assignments: UnregisteredAssignments;

  constructor(prefix: string) {
    this.#assignments = new UnregisteredAssignments(prefix);
  }

  has(key: string, variant: string): boolean {
    return isExperimentKey(key) && isExperimentName(variant);
  }

  checkKey(key: unknown, report: MistakeReporter): boolean {
    return isExperimentKey(key) || report("ERR_BAD_NAME", `the key ${describeValue(key)} is not ${KEY_RULE}`);
  }

  checkVariant(_key: string, variant: unknown, report: MistakeReporter): boolean {
    return checkName(variant, report);
  }

  compile(assignment: Assignment): CompiledAssignment {
    return this.#assignments.get(assignment);
  }
}

function checkName(variant: unknown, report: MistakeReporter): boolean {
  return (
    isExperimentName(variant) || report("ERR_BAD_NAME", `the variant ${describeValue(variant)} is not ${NAME_RULE}`)
  );
}
