import { ExperimentConfigError } from "../checks/errors.ts";
import type { Instance } from "./instance.ts";

/** The property of the public object by which adapters find the instance. */
export const INSTANCE: unique symbol = Symbol.for("otel-experiments.instance.v1");

/** The result of `createExperiments` for any registry: the argument of every adapter. */
export interface ExperimentsHandle {
  readonly [INSTANCE]: object;
}

/** The same, with the type of its experiments' keys. */
export interface KeyedExperiments<Key extends string> extends ExperimentsHandle {
  expose?(key: Key): void;
}

/**
 * The instance behind the result of `createExperiments`.
 *
 * @throws ExperimentConfigError for any other value
 */
export function instanceOf(experiments: ExperimentsHandle): Instance {
  const instance: unknown = experiments?.[INSTANCE];
  if (typeof instance !== "object" || instance === null) {
    throw new ExperimentConfigError("ERR_OPTIONS", "the experiments are missing; give what createExperiments returns");
  }
  // why: another copy of the package may have made it, so `instanceof` would be false
  return instance as Instance;
}
