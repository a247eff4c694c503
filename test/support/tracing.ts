import { type Attributes, type Context, context, propagation, SpanKind, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from "@opentelemetry/core";
import { type Instrumentation, registerInstrumentations } from "@opentelemetry/instrumentation";
import {
  InMemorySpanExporter,
  type ReadableSpan,
  type Sampler,
  SimpleSpanProcessor,
  type Span,
  type SpanProcessor,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { requireHttp } from "./frameworks/required.ts";

/** The tracing of this process, as an SDK sets it up: context, W3C propagation, and spans kept in memory. */
export interface Tracing {
  /** The spans that have ended so far. */
  spans(): readonly ReadableSpan[];
  /** Waits until this many SERVER spans have ended. */
  serverSpans(count: number): Promise<readonly ReadableSpan[]>;
  /** The names of attributes that were written to a span after it had ended. */
  lateWrites(): readonly string[];
  clear(): void;
  stop(): Promise<void>;
}

/** What of OpenTelemetry's SDK is other than usual. */
export interface TracingSetUp {
  readonly sampler?: Sampler | undefined;
  readonly processors?: readonly SpanProcessor[];
}

/** OpenTelemetry's tracing, as it stands in the process's globals. */
export interface GlobalTracing {
  /** Keeps the spans that have ended. */
  readonly exporter: InMemorySpanExporter;
  readonly provider: TracerProvider;
  readonly contexts: AsyncLocalStorageContextManager;
}

/** Makes the SDK's tracing, with its usual propagators, the one of this process, without any instrumentation. */
export function setGlobalTracing({ sampler, processors = [] }: TracingSetUp = {}): GlobalTracing {
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({
    ...(sampler === undefined ? {} : { sampler }),
    spanProcessors: [...processors, new SimpleSpanProcessor({ exporter })],
  });
  const contexts = new AsyncLocalStorageContextManager().enable();
  context.setGlobalContextManager(contexts);
  trace.setGlobalTracerProvider(provider);
  propagation.setGlobalPropagator(
    new CompositePropagator({ propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()] }),
  );
  return { exporter, provider, contexts };
}

/** OpenTelemetry's globals belong to the process, so a test file starts tracing once, before it requires frameworks. */
export function startTracing(
  instrumentations: Instrumentation[],
  sampler?: Sampler,
  processors: readonly SpanProcessor[] = [],
): Tracing {
  const watch = new WriteWatch();
  const { exporter, provider, contexts } = setGlobalTracing({ sampler, processors: [...processors, watch] });
  const unregister = registerInstrumentations({ instrumentations, tracerProvider: provider });
  requireHttp();
  const spans = (): readonly ReadableSpan[] => exporter.getFinishedSpans();
  return {
    spans,
    async serverSpans(count) {
      await until(() => spans().filter(isServerSpan).length >= count);
      return spans().filter(isServerSpan);
    },
    lateWrites: () => watch.late,
    clear() {
      exporter.reset();
      watch.late.splice(0);
    },
    async stop() {
      unregister();
      await provider.shutdown();
      contexts.disable();
    },
  };
}

/** Records writes to an ended span, for which an SDK only logs a warning. */
class WriteWatch implements SpanProcessor {
  readonly late: string[] = [];

  onStart(span: Span, _parent: Context): void {
    const { setAttribute, setAttributes } = span;
    span.setAttribute = (key, value) => {
      if (span.ended) this.late.push(key);
      return setAttribute.call(span, key, value);
    };
    span.setAttributes = (attributes) => {
      if (span.ended) this.late.push(...Object.keys(attributes));
      return setAttributes.call(span, attributes);
    };
  }

  onEnd(): void {}

  async forceFlush(): Promise<void> {}

  async shutdown(): Promise<void> {}
}

export function isServerSpan({ kind }: ReadableSpan): boolean {
  return kind === SpanKind.SERVER;
}

/** The attributes of experiments. */
export function experimentAttributes(attributes: Attributes): Attributes {
  return Object.fromEntries(Object.entries(attributes).filter(([name]) => name.startsWith("experiment.")));
}

/** Waits up to ten seconds for a condition that later turns of the event loop make true. */
async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error("the condition did not become true within ten seconds");
    await new Promise((resolve) => setImmediate(resolve));
  }
}
