import { createNoopMeter, metrics, trace } from "@opentelemetry/api";
import { attempt, warnOnce } from "../checks/diagnostics.ts";
import { notice } from "../checks/notices.ts";
import { SCOPE_NAME } from "../version.ts";

let isSaid = false;

/** Warns once that a request ended without a server span although an SDK is set up, and names the fix. */
export function missServerSpan(): void {
  if (isSaid || attempt("server-span", "the tracer provider could not be asked", isTracing) !== true) return;
  isSaid = true;
  warnOnce(
    "server-span",
    'a request had no server span although an SDK is set up, so no span has its variant; load the HTTP instrumentation before the application loads node:http (an ES module needs --import with loader hooks), or give the adapter { serverSpan: "create" }',
  );
}

/** Says once that no SDK is set up, for spans or for metrics. Returns whether one is. */
export function requireSdk(): boolean {
  const isThere = attempt("server-span", "the providers could not be asked", () => isTracing() || isMeasuring());
  // OpenTelemetry's own variable: then nothing is missing.
  if (isThere === false && process.env["OTEL_SDK_DISABLED"] !== "true") notice("NO_SDK");
  return isThere !== false;
}

function isMeasuring(): boolean {
  return metrics.getMeterProvider().getMeter(SCOPE_NAME) !== createNoopMeter();
}

/** Whether an SDK is set up. Without one, the provider of OpenTelemetry's API is a proxy that has no delegate. */
function isTracing(): boolean {
  const provider: object = trace.getTracerProvider();
  const delegateOf: unknown = Reflect.get(provider, "getDelegateTracer");
  return typeof delegateOf !== "function" || Reflect.apply(delegateOf, provider, [SCOPE_NAME]) !== undefined;
}
