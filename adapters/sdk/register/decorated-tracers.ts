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

/** A span that records, as the SDK of both lines makes it. */
interface RecordingSpan extends Span {
  readonly kind: SpanKind;
  readonly attributes: Attributes;
}

/** What is told of the spans: the methods of an SDK's span processor. */
export interface SpanWatcher {
  onStart(span: RecordingSpan, parent: Context): void;
  /** While the span still takes attributes. */
  onEnding(span: RecordingSpan): void;
  onEnd(span: RecordingSpan): void;
}

/** The API registers a proxy, and then tells it who makes the tracers. */
interface ProxyTracerProvider extends TracerProvider {
  getDelegate(): TracerProvider;
  setDelegate(delegate: TracerProvider): void;
}

/**
 * Tells of every span that the tracers of a registered provider start. Providers and tracers are decorated in place, so
 * that this holds for whoever has one of them already.
 *
 * @returns whether tracers that were given out before are among them
 */
export function decorateTracing(registered: object, watcher: SpanWatcher): boolean {
  if (!isProvider(registered)) throw new TypeError("what is registered for traces gives no tracers");
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

/** Those that the SDK's provider has given out; undefined where it keeps them elsewhere than in 2.x and 3.x. */
function tracersOf(provider: TracerProvider): readonly Tracer[] | undefined {
  const tracers: unknown = Reflect.get(provider, "_tracers");
  if (!(tracers instanceof Map)) return undefined;
  return [...tracers.values()].filter((tracer): tracer is Tracer => typeof tracer?.startSpan === "function");
}

/** `startActiveSpan` of the SDK's tracers starts its span by `startSpan`. */
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
  // Set, not defined as the methods of what is made once are: this happens for every span, and defining is slow.
  span.end = function endWatched(endTime) {
    if (!span.isRecording()) return end.call(span, endTime);
    watcher.onEnding(span);
    end.call(span, endTime);
    watcher.onEnd(span);
  };
}

/** One that does not show what it has been given cannot be kept from being overwritten. */
function isRecording(span: Span): span is RecordingSpan {
  return span.isRecording() && "kind" in span && "attributes" in span;
}
