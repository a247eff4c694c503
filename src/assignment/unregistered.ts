import { processWide } from "../process-wide.ts";
import { type Assignment, type CompiledAssignment, compileAssignment } from "./assignment.ts";

/** Without a registry the expected values are unknown, so a process measures at most these; the others are `other`. */
const MAX_MEASURED_EXPERIMENTS = 8;
const MAX_MEASURED_VARIANTS = 8;

/**
 * Assignments of experiments that no registry declares. Those that may make a metric series are compiled once; the
 * others are compiled each time, so caller input does not fill a cache.
 */
export class UnregisteredAssignments {
  readonly #prefix: string;
  readonly #known = new Map<string, CompiledAssignment>();

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  get(assignment: Assignment): CompiledAssignment {
    if (assignment.forced) return compileAssignment(assignment, { prefix: this.#prefix, countable: false });
    if (assignment.subject !== undefined) {
      const countable = admit(assignment.id ?? "", assignment.variant);
      return compileAssignment(assignment, { prefix: this.#prefix, countable, subjectTravels: true });
    }
    const name = `${assignment.key} ${assignment.id ?? ""} ${assignment.variant}`;
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const countable = admit(assignment.id ?? "", assignment.variant);
    const compiled = compileAssignment(assignment, { prefix: this.#prefix, countable });
    if (countable && this.#known.size < MAX_MEASURED_EXPERIMENTS * MAX_MEASURED_VARIANTS)
      this.#known.set(name, compiled);
    return compiled;
  }
}

/** Undeclared variants that have a metric series, by experiment. */
const measuredVariants = processWide("measured.v1", () => new Map<string, Set<string>>());

/** Admits the first values in the process, over all instances. Assignments without an id count as one experiment. */
function admit(experiment: string, variant: string): boolean {
  const measured = measuredVariants();
  let variants = measured.get(experiment);
  if (variants === undefined) {
    if (measured.size >= MAX_MEASURED_EXPERIMENTS) return false;
    variants = new Set();
    measured.set(experiment, variants);
  }
  if (variants.has(variant)) return true;
  if (variants.size >= MAX_MEASURED_VARIANTS) return false;
  variants.add(variant);
  return true;
}
