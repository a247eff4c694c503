import { type Attributes, context, metrics, propagation, SpanKind, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  CompositePropagator,
  type ExportResult,
  ExportResultCode,
  W3CBaggagePropagator,
  W3CTraceContextPropagator,
} from "@opentelemetry/core";
import { registerInstrumentations } from "@opentelemetry/instrumentation";
import { ExpressInstrumentation } from "@opentelemetry/instrumentation-express";
import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { KoaInstrumentation } from "@opentelemetry/instrumentation-koa";
import { UndiciInstrumentation } from "@opentelemetry/instrumentation-undici";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { BatchSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import type { Telemetry } from "./cases.ts";

let marked = 0;

/** The number of SERVER spans with a variant that were exported since the last call. */
export function takeMarked(): number {
  const taken = marked;
  marked = 0;
  return taken;
}

/**
 * Starts an SDK as a service has it: spans in batches, a histogram for each request, W3C propagation. Exporters discard,
 * since what a backend's protocol costs is the same with us and without. Call it before a framework is loaded.
 */
export function startTelemetry(telemetry: Telemetry): void {
  if (telemetry === "no-sdk") return;
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(
    new CompositePropagator({ propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()] }),
  );
  const spans = new BatchSpanProcessor({ exporter: { export: discardSpans, shutdown: done, forceFlush: done } });
  trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [spans] }));
  const reader = new PeriodicExportingMetricReader({
    exporter: { export: discard, shutdown: done, forceFlush: done },
    exportIntervalMillis: 1000,
  });
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
  const frameworks = telemetry === "sdk" ? [] : [new ExpressInstrumentation(), new KoaInstrumentation()];
  registerInstrumentations({
    instrumentations: [new HttpInstrumentation(), new UndiciInstrumentation(), ...frameworks],
  });
}

function discardSpans(
  spans: readonly { readonly kind: SpanKind; readonly attributes: Attributes }[],
  callback: (result: ExportResult) => void,
): void {
  for (const { kind, attributes } of spans) {
    if (kind === SpanKind.SERVER && attributes["experiment.checkout.variant"] !== undefined) marked++;
  }
  callback({ code: ExportResultCode.SUCCESS });
}

function discard(_exported: unknown, callback: (result: ExportResult) => void): void {
  callback({ code: ExportResultCode.SUCCESS });
}

async function done(): Promise<void> {}
