import "otel-experiments/register";
import { metrics } from "@opentelemetry/api";
import {
  ExperimentLogRecordProcessor,
  ExperimentPropagator,
  ExperimentSpanProcessor,
  experimentViews,
  withExperiments,
} from "otel-experiments/sdk";

export const spans = new ExperimentSpanProcessor({ attributes: "keyed", experiments: ["checkout"], kinds: [1] });
export const logs = new ExperimentLogRecordProcessor({ attributes: "flat" });
export const propagator = new ExperimentPropagator({ inject: true });
export const views = experimentViews({ instruments: ["orders.placed"] });
export const view = withExperiments({ instrumentName: "orders.*" });
export const provider = withExperiments(metrics.getMeterProvider(), { instruments: ["orders.placed"] });
export const processors = [spans, logs];
