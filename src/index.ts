export type { Assignment } from "./assignment/assignment.ts";
export {
  defineExperiments,
  type ExperimentDefinition,
  type ExperimentKey,
  type Registry,
  type VariantOf,
} from "./assignment/registry.ts";
export type { RunEachOptions, RunOptions } from "./carriers/carried-scope.ts";
export type { InjectOptions } from "./carriers/carrier-baggage.ts";
export {
  ExperimentConfigError,
  type ExperimentConfigErrorCode,
  ExperimentUsageError,
  type ExperimentUsageErrorCode,
} from "./errors.ts";
export {
  createExperiments,
  type ExperimentMeterOptions,
  type Experiments,
  type ExperimentsHandle,
} from "./experiments.ts";
export type { ExperimentsOptions } from "./options.ts";
export type { PropagateTo, Verdict } from "./propagation/destinations.ts";
export type { Caller, HeaderGetter, TrustInbound } from "./propagation/trust.ts";
export type { Scope } from "./scope.ts";
export type { Attribution } from "./telemetry/meter.ts";
