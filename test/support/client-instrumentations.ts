import { context, propagation, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from "@opentelemetry/core";
import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { UndiciInstrumentation } from "@opentelemetry/instrumentation-undici";
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";

/** OpenTelemetry's instrumentations of HTTP clients. */
export type InstrumentationName = "undici" | "http";

/** The result of `enable`. */
export interface Instrumentation {
  enable(): void;
  disable(): void;
}

/** Sets up OpenTelemetry's SDK for this process, with its default propagators. */
export function startTelemetry(): InMemorySpanExporter {
  const exporter = new InMemorySpanExporter();
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(
    new CompositePropagator({ propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()] }),
  );
  trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }));
  return exporter;
}

/** Enables an instrumentation. The HTTP one patches modules that are required later. */
export function enable(name: InstrumentationName): Instrumentation {
  return name === "undici" ? new UndiciInstrumentation() : new HttpInstrumentation();
}
