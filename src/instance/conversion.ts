import type { CompiledAssignment } from "../assignment/assignment.ts";
import { isExperimentName } from "../assignment/names.ts";
import { mention } from "../checks/diagnostics.ts";
import type { ConversionOptions } from "../scope/conversion-options.ts";
import type { RequestScope } from "../scope/request-scope.ts";

/** A conversion's name is an attribute of metrics, so a process has this many, and calls the rest `other`. */
const MAX_NAMES = 64;
const names = new Set<string>();

export function isConversionName(name: unknown): name is string {
  return isExperimentName(name);
}

/** Counts an outcome for each assignment that was exposed in this scope, or for the one that is named. */
export function convert(scope: RequestScope, name: string, { value, experiment }: ConversionOptions): void {
  const bounded = boundedName(name);
  const concerned = scope.compiled.filter((one) => one.counts && concerns(scope, one, experiment));
  if (concerned.length === 0) {
    mention(
      "no-exposure",
      `the conversion ${name} counts for no experiment: none was used in this request, or what was is forced; use(key), or convert(name, { experiment })`,
    );
  }
  for (const assignment of concerned) {
    scope.owner.counters.converted(assignment, bounded, value);
    scope.annotate(scope.outcomes.addConversion(assignment.key, name, value));
  }
}

function concerns(scope: RequestScope, { key }: CompiledAssignment, experiment: string | undefined): boolean {
  return experiment === undefined ? scope.outcomes.hasExposed(key) : key === experiment;
}

function boundedName(name: string): string {
  if (names.has(name)) return name;
  if (names.size >= MAX_NAMES) return "other";
  names.add(name);
  return name;
}
