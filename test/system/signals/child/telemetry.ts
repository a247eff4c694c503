// Loaded by `--import`, before the service: what its author would start OpenTelemetry with.
import { context, metrics, propagation, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { CompositePropagator, W3CTraceContextPropagator } from "@opentelemetry/core";
import { OTLPLogExporter } from "@opentelemetry/exporter-logs-otlp-http";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-http";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { type Instrumentation, registerInstrumentations } from "@opentelemetry/instrumentation";
import { ExpressInstrumentation } from "@opentelemetry/instrumentation-express";
import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { KoaInstrumentation } from "@opentelemetry/instrumentation-koa";
import { PgInstrumentation } from "@opentelemetry/instrumentation-pg";
import { LoggerProvider, SimpleLogRecordProcessor } from "@opentelemetry/sdk-logs";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import {
  ExperimentLogRecordProcessor,
  ExperimentPropagator,
  ExperimentSpanProcessor,
  experimentViews,
} from "otel-experiments/sdk";
import { logs } from "../../../support/logs-api.ts";
import { commission } from "./commission.ts";

const { setUp, sink } = commission;

const constructors: { readonly [name: string]: () => Instrumentation } = {
  http: () => new HttpInstrumentation(),
  express: () => new ExpressInstrumentation(),
  koa: () => new KoaInstrumentation(),
  pg: () => new PgInstrumentation(),
};

if (setUp.base !== "none") context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
if (setUp.base === "sdk") {
  const spans = new SimpleSpanProcessor({ exporter: new OTLPTraceExporter({ url: `${sink}/v1/traces` }) });
  trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new ExperimentSpanProcessor(), spans] }));
  const records = new SimpleLogRecordProcessor({ exporter: new OTLPLogExporter({ url: `${sink}/v1/logs` }) });
  logs.setGlobalLoggerProvider(new LoggerProvider({ processors: [new ExperimentLogRecordProcessor(), records] }));
  const reader = new PeriodicExportingMetricReader({
    exporter: new OTLPMetricExporter({ url: `${sink}/v1/metrics` }),
    exportIntervalMillis: 3_600_000,
  });
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader], views: [...experimentViews()] }));
  propagation.setGlobalPropagator(
    new CompositePropagator({ propagators: [new W3CTraceContextPropagator(), new ExperimentPropagator()] }),
  );
  const names = [...setUp.instrumentations, "pg"];
  registerInstrumentations({ instrumentations: names.flatMap((name) => constructors[name]?.() ?? []) });
}
