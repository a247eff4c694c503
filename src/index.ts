export type { Assignment } from "./assignment/assignment.ts";
export type {
  AnsweredVariant,
  AnyVariant,
  Assigner,
  AssignerAnswer,
  AssignmentRequest,
  CheckedDefinition,
  CheckedRegistry,
  DeclaredVariant,
  ExperimentDefinition,
  ExperimentKey,
  OneOf,
  Registry,
  SubjectAttributes,
  UnknownVariant,
  VariantOf,
} from "./assignment/definition.ts";
export type { EvaluationReason } from "./assignment/reason.ts";
export { defineExperiments } from "./assignment/registry.ts";
export type { StickyKey, StickyStore } from "./assignment/sticky-store.ts";
export type { RunEachOptions, RunOptions } from "./carriers/carried-scope.ts";
export type { Carrier } from "./carriers/carrier.ts";
export type { InjectOptions } from "./carriers/carrier-baggage.ts";
export {
  ExperimentConfigError,
  type ExperimentConfigErrorCode,
  ExperimentUsageError,
  type ExperimentUsageErrorCode,
} from "./checks/errors.ts";
export {
  createExperiments,
  type ExperimentMeterOptions,
  type Experiments,
} from "./experiments.ts";
export type {
  ClosedField,
  Field,
  FieldAccess,
  FieldName,
  FieldSignal,
  Fields,
  FieldValue,
  FieldValueOf,
} from "./fields/field.ts";
export type { Caller, HeaderGetter, HttpExchange, ResponseCookie } from "./http/shapes.ts";
export type { InboundOptions } from "./inbound/inbound-options.ts";
export type { ExperimentsHandle, KeyedExperiments } from "./instance/handle.ts";
export type { ExperimentsOptions } from "./instance/options.ts";
export type { Conversion, Exposure } from "./instance/outcome-callbacks.ts";
export type { ClientOptions } from "./outbound/client-options.ts";
export type { OverrideArrival, OverrideSource } from "./override/source.ts";
export type { OverrideRefusal } from "./override/token.ts";
export type { ForwardProxy, PropagateTo, Verdict } from "./policy/destinations.ts";
export type { TrustInbound } from "./policy/trust.ts";
export type { ConversionOptions } from "./scope/conversion-options.ts";
export type {
  AssignArguments,
  AssignOptions,
  Register,
  RegisteredScope,
  Scope,
  ScopeCalls,
} from "./scope/public-scope.ts";
export type { Attribution } from "./telemetry/meter.ts";
