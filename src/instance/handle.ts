import { ExperimentConfigError } from "../checks/errors.ts";
import { propertyOf } from "../checks/property.ts";
import type { Verdict } from "../policy/destinations.ts";
import type { Instance } from "./instance.ts";

/** The property of the public object by which adapters find the instance. */
export const INSTANCE: unique symbol = Symbol.for("otel-experiments.instance.v1");

/**
 * The result of `createExperiments` for any registry: the argument of every adapter. The type has no private part, so
 * that the types of ES modules and of CommonJS fit each other.
 */
export interface ExperimentsHandle {
  /** Whether own members may go to a URL through a wrapped client, or into a `queue:NAME`, and why. */
  explain(url: string | URL): Verdict;
  /** Takes this instance out of the process-wide stop, once its running outgoing requests are over. Idempotent. */
  close(): Promise<void>;
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
  const instance = propertyOf(experiments, INSTANCE);
  if (typeof instance !== "object" || instance === null) {
    throw new ExperimentConfigError("ERR_OPTIONS", "the experiments are missing; give what createExperiments returns");
  }
  // why: another copy of the package may have made it, so `instanceof` would be false
  return instance as Instance;
}
