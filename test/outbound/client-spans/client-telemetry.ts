import { type Attributes, SpanKind, trace } from "@opentelemetry/api";
import type { InMemorySpanExporter, ReadableSpan } from "@opentelemetry/sdk-trace";
import { headerValues, type WireMessage } from "../../../testing/wire/http-bytes.ts";
import { pointsOf, startPoints } from "../../support/points.ts";
import { setGlobalTracing, type TracingSetUp } from "../../support/tracing.ts";

/** What OpenTelemetry's SDK has seen of this process's clients. */
export interface ClientTelemetry {
  readonly exporter: InMemorySpanExporter;
  /** The CLIENT spans that have ended, in the order in which they ended. */
  clients(): readonly ReadableSpan[];
  /** The same, once there are this many. */
  ended(count: number): Promise<readonly ReadableSpan[]>;
  /** Runs a function within a span that it makes active, and ends it. */
  within<T>(name: string, fn: () => Promise<T>): Promise<T>;
  /** The series of `http.client.request.duration`, and how often each was recorded, since the last time. */
  durations(): Promise<readonly { readonly attributes: Attributes; readonly count: number }[]>;
}

/** Starts the SDK's tracing, propagation and metrics, as the ones of this process. */
export function startClientTelemetry(setUp: TracingSetUp = {}): ClientTelemetry {
  const { exporter } = setGlobalTracing(setUp);
  const reader = startPoints();
  const counted = new Map<string, number>();
  const clients = (): readonly ReadableSpan[] =>
    exporter.getFinishedSpans().filter(({ kind }) => kind === SpanKind.CLIENT);
  return {
    exporter,
    clients,
    async ended(count) {
      const deadline = performance.now() + 10_000;
      while (clients().length < count && performance.now() < deadline) await new Promise(setImmediate);
      return clients();
    },
    within: (name, fn) =>
      trace.getTracer("test").startActiveSpan(name, async (span) => {
        try {
          return await fn();
        } finally {
          span.end();
        }
      }),
    async durations() {
      const { resourceMetrics } = await reader.collect();
      const measured = resourceMetrics.scopeMetrics.flatMap(({ scope, metrics: instruments }) =>
        instruments
          .filter(({ descriptor }) => descriptor.name === "http.client.request.duration")
          .flatMap((metric) => pointsOf(metric).map((point) => ({ ...point, id: [scope.name, point.attributes] }))),
      );
      return measured.flatMap(({ attributes, count, id }) => {
        const key = JSON.stringify(id);
        const news = count - (counted.get(key) ?? 0);
        counted.set(key, count);
        return news === 0 ? [] : [{ attributes, count: news }];
      });
    },
  };
}

/** The `traceparent` that a span's request has, if it is sampled. */
export function traceparentOf(span: ReadableSpan): string {
  const { traceId, spanId } = span.spanContext();
  return `00-${traceId}-${spanId}-01`;
}

/** Every `traceparent` line of each request. */
export function traceparents(requests: readonly WireMessage[]): readonly (readonly string[])[] {
  return requests.map(({ lines }) => headerValues(lines, "traceparent"));
}
