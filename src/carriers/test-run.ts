import type { CompiledAssignment } from "../assignment/assignment.ts";
import { assignmentByKey } from "../assignment/catalog.ts";
import { describeValue } from "../checks/describe-value.ts";
import { ExperimentUsageError } from "../checks/errors.ts";
import { givenEntries } from "../checks/given-entries.ts";
import { mistakeReporter } from "../checks/mistakes.ts";
import type { Instance } from "../instance/instance.ts";
import { liveInstances } from "../instance/live-instances.ts";
import type { RequestScope } from "../scope/request-scope.ts";
import { CarriedScope, runToEnd } from "./carried-scope.ts";

/**
 * Runs a function in a scope with the given variants, for users' unit tests. All instances of the process that are not
 * closed have the variants of the experiments that they declare.
 *
 * @param variants by experiment key; undefined means none
 * @returns the function's own result; the scope ends when it settles
 * @throws ExperimentUsageError without a function, without an instance, and for an experiment or a variant that no
 *   instance declares
 */
export function runWithVariants<T>(variants: unknown, fn: () => T): T {
  if (typeof fn !== "function") {
    throw new ExperimentUsageError("ERR_FUNCTION", "runWith got no function; write runWith({ checkout: … }, () => …)");
  }
  const instances = [...liveInstances()];
  const given = givenEntries("variants of runWith", variants);
  if (instances.length === 0) {
    throw new ExperimentUsageError(
      "ERR_UNKNOWN_EXPERIMENT",
      "runWith found no experiments; import the module that calls createExperiments before, and do not close them",
    );
  }
  const unknown = given.find(([key]) => !instances.some((instance) => declares(instance, key)));
  if (unknown !== undefined) reportUnknown(instances, unknown[0]);
  const assignments = instances.map((instance) => given.flatMap((pair) => assignmentOf(instance, ...pair)));
  const runFrom = (i: number, outer: RequestScope | undefined): T => {
    const instance = instances[i];
    if (instance === undefined) return fn();
    const scope = new CarriedScope(instance, outer);
    scope.add(assignments[i] ?? []);
    return runToEnd(scope, () => runFrom(i + 1, scope));
  };
  return runFrom(0, undefined);
}

const throwing = mistakeReporter(true);

/** Without a registry, an instance takes every key. */
function declares({ catalog }: Instance, key: string): boolean {
  return catalog.declared.size === 0 ? catalog.checkKey(key, () => false) : catalog.declared.has(key);
}

/** @throws ExperimentUsageError */
function reportUnknown(instances: readonly Instance[], key: string): never {
  const keys = new Set(instances.flatMap(({ catalog }) => [...catalog.declared.keys()]));
  throw new ExperimentUsageError(
    "ERR_UNKNOWN_EXPERIMENT",
    `there is no experiment ${describeValue(key)}; declared are ${[...keys].join(", ")}`,
  );
}

/** @throws ExperimentUsageError for an unknown variant */
function assignmentOf(instance: Instance, key: string, variant: unknown): readonly CompiledAssignment[] {
  const { catalog } = instance;
  if (!declares(instance, key)) return [];
  if (!catalog.checkVariant(key, variant, throwing) || typeof variant !== "string") return [];
  return [assignmentByKey(catalog, key, variant)];
}
