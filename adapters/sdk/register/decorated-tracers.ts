import {
  type Attributes,
  type Context,
  context,
  type Span,
  type SpanKind,
  type Tracer,
  type TracerProvider,
} from "@opentelemetry/api";
import { attempt } from "../../../src/sdk-adapter.ts";
import { isNew, replaceMethod } from "./replaced-method.ts";

/** A span that records, as SDK 2.x and 3.x make it. */
interface RecordingSpan extends Span {
  readonly kind: SpanKind;
  readonly attributes: Attributes;
}

/** Gets every span: the methods of an SDK's span processor. */
export interface SpanWatcher {
  onStart(span: RecordingSpan, parent: Context): void;
  /** Called while the span still takes attributes. */
  onEnding(span: RecordingSpan): void;
  onEnd(span: RecordingSpan): void;
}

/** The API registers a proxy first, and sets the provider that makes its tracers later. */
interface ProxyTracerProvider extends TracerProvider {
  getDelegate(): TracerProvider;
  setDelegate(delegate: TracerProvider): void;
}

/**
 * Calls the watcher for every span that the tracers of a registered provider start. Providers and tracers are decorated
 * in place, so this also holds for code that already has one of them.
 *
 * @returns true if tracers that the provider gave out before are decorated too
 */
export function decorateTracing(registered: object, watcher: SpanWatcher): boolean {
  if (!isProvider(registered)) throw new TypeError("the registered tracer provider has no getTracer");
  if (!isProxy(registered)) return decorateProvider(registered, watcher);
  replaceMethod(
    registered,
    "setDelegate",
    (setDelegate) =>
      function (this: ProxyTracerProvider, delegate) {
        attempt("register", "the TracerProvider could not be decorated", () => decorateProvider(delegate, watcher));
        return setDelegate.call(this, delegate);
      },
  );
  return decorateProvider(registered.getDelegate(), watcher);
}

function isProvider(candidate: object): candidate is TracerProvider {
  return "getTracer" in candidate;
}

function isProxy(provider: TracerProvider): provider is ProxyTracerProvider {
  return "setDelegate" in provider && "getDelegate" in provider;
}

function decorateProvider(provider: TracerProvider, watcher: SpanWatcher): boolean {
  if (!isNew(provider)) return true;
  replaceMethod(
    provider,
    "getTracer",
    (getTracer) =>
      function (this: TracerProvider, ...identity) {
        const tracer = getTracer.apply(this, identity);
        attempt("register", "a tracer could not be decorated", () => decorateTracer(tracer, watcher));
        return tracer;
      },
  );
  const given = tracersOf(provider);
  for (const tracer of given ?? []) decorateTracer(tracer, watcher);
  return given !== undefined;
}

/** The tracers that the SDK's provider has given out; undefined if they are not where SDK 2.x and 3.x keep them. */
function tracersOf(provider: TracerProvider): readonly Tracer[] | undefined {
  const tracers: unknown = Reflect.get(provider, "_tracers");
  if (!(tracers instanceof Map)) return undefined;
  return [...tracers.values()].filter((tracer): tracer is Tracer => typeof tracer?.startSpan === "function");
}

/** The `startActiveSpan` of the SDK's tracers calls `startSpan`, so decorating `startSpan` is enough. */
function decorateTracer(tracer: Tracer, watcher: SpanWatcher): void {
  if (!isNew(tracer)) return;
  replaceMethod(
    tracer,
    "startSpan",
    (startSpan) =>
      function (this: Tracer, name, options, parent = context.active()) {
        const span = startSpan.call(this, name, options, parent);
        attempt("span", "a span could not be attributed", () => watch(span, parent, watcher));
        return span;
      },
  );
}

function watch(span: Span, parent: Context, watcher: SpanWatcher): void {
  if (!isRecording(span)) return;
  watcher.onStart(span, parent);
  const { end } = span;
  // Assigned, not defined as in `replaceMethod`: this runs for every span, and defining is slow.
  span.end = function endWatched(endTime) {
    if (!span.isRecording()) return end.call(span, endTime);
    watcher.onEnding(span);
    end.call(span, endTime);
    watcher.onEnd(span);
  };
}

/** If a span does not show its attributes, there is no way to avoid overwriting them. */
function isRecording(span: Span): span is RecordingSpan {
  return span.isRecording() && "kind" in span && "attributes" in span;
}
