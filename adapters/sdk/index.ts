/**
 * Adds experiments to OpenTelemetry's signals, for SDK 2.x and 3.x: spans, log records, measurements. The parts find
 * the request's scope themselves, so they can be set up before any experiments are created.
 */
export type { AttributeOptions, AttributeTarget } from "./attribute-choice.ts";
export type { InstrumentSelector } from "./instruments.ts";
export { ExperimentLogRecordProcessor, type ExperimentLogRecordProcessorOptions } from "./log-record-processor.ts";
export type { MeterProviderOptions } from "./meter-provider.ts";
export { ExperimentPropagator, type ExperimentPropagatorOptions } from "./propagator.ts";
export { ExperimentSpanProcessor, type ExperimentSpanProcessorOptions, type SdkSpan } from "./span-processor.ts";
export {
  type AttributesProcessor,
  type ExperimentView,
  type ExperimentViewsOptions,
  experimentViews,
  type ViewLike,
} from "./views.ts";
export { withExperiments } from "./with-experiments.ts";
