import type { Attributes } from "@opentelemetry/api";
import { type Assignment, type CompiledAssignment, NO_ASSIGNMENT_PAIR } from "../assignment/assignment.ts";
import { warnOnce } from "../checks/diagnostics.ts";

/** The assignments of one scope. They are added, never changed; the flat pair is that of one of them. */
export class ScopeAssignments {
  #compiled: readonly CompiledAssignment[];
  #flat: CompiledAssignment | undefined;
  #listed: readonly Assignment[] | undefined;

  /** @param added at least one, all of different experiments */
  constructor(added: readonly CompiledAssignment[], primary: string | undefined) {
    this.#compiled = (added.length === 1 ? added[0]?.alone : undefined) ?? added;
    this.#flat = chooseFlat(added, primary);
  }

  /** @param added at least one, each of an experiment that is not in the scope yet */
  add(added: readonly CompiledAssignment[], primary: string | undefined): void {
    this.#compiled = [...this.#compiled, ...added];
    this.#listed = undefined;
    this.#flat ??= chooseFlat(this.#compiled, primary);
  }

  /** With their formatted members and attributes, in the order in which they were added. */
  get compiled(): readonly CompiledAssignment[] {
    return this.#compiled;
  }

  /** As users see them. */
  get listed(): readonly Assignment[] {
    this.#listed ??= Object.freeze(this.#compiled.map(({ assignment }) => assignment));
    return this.#listed;
  }

  /** The assignment of the flat pair; it never changes once it is known. */
  get flat(): CompiledAssignment | undefined {
    return this.#flat;
  }

  /** The bounded flat pair of measurements. */
  get metricPair(): Attributes {
    return this.#flat === undefined ? NO_ASSIGNMENT_PAIR : this.#flat.metricPair;
  }

  find(key: string): CompiledAssignment | undefined {
    for (const assignment of this.#compiled) if (assignment.key === key) return assignment;
    return undefined;
  }
}

function chooseFlat(
  compiled: readonly CompiledAssignment[],
  primary: string | undefined,
): CompiledAssignment | undefined {
  if (primary !== undefined) return compiled.find(({ key }) => key === primary);
  const first = compiled[0];
  if (first === undefined || compiled.length === 1) return first;
  warnOnce(
    "ambiguous-primary",
    'a request has several experiments and no option says which one measurements show; set primary, or make the meter with attribution: "each"',
  );
  return compiled.reduce((least, other) => (other.key < least.key ? other : least), first);
}
