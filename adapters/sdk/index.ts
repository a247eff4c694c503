/**
 * What decorates OpenTelemetry's own signals, for SDK 2.x and 3.x: spans, log records, measurements. It finds the
 * request's scope by itself, so that it can be set up before any experiments are created.
 */
export type { AttributeOptions } from "./attribute-choice.ts";
export { ExperimentSpanProcessor, type ExperimentSpanProcessorOptions } from "./span-processor.ts";
