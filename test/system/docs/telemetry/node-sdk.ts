import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { SimpleLogRecordProcessor } from "@opentelemetry/sdk-logs";
import { NodeSDK } from "@opentelemetry/sdk-node";
import { SimpleSpanProcessor } from "@opentelemetry/sdk-trace";
import { ExperimentLogRecordProcessor, ExperimentSpanProcessor, experimentViews } from "otel-experiments/sdk";
import { logExporter, metricReader, traceExporter } from "./exporters.ts";

export const sdk: NodeSDK = new NodeSDK({
  instrumentations: [new HttpInstrumentation()],
  spanProcessors: [new ExperimentSpanProcessor(), new SimpleSpanProcessor({ exporter: traceExporter })],
  logRecordProcessors: [new ExperimentLogRecordProcessor(), new SimpleLogRecordProcessor({ exporter: logExporter })],
  metricReaders: [metricReader],
  views: experimentViews({ instruments: ["orders.placed"] }),
});

sdk.start();
