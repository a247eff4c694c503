import { type Context, type Span, SpanKind, trace } from "@opentelemetry/api";
import { getRPCMetadata } from "@opentelemetry/core";
import { warnOnce } from "../checks/diagnostics.ts";
import { claimServerSpan } from "../scope/claiming.ts";
import type { RequestScope } from "../scope/request-scope.ts";

/** Gives the server span that a framework's plugin made, if no HTTP instrumentation made one. */
export type SpanFinder = () => Span | undefined;

/**
 * The source of a server span: an instrumentation, which measures the request too; the framework's plugin, which does
 * not; or another request that has not ended, as with `app.inject` within a handler.
 */
export type SpanSource = "instrumentation" | "framework" | "another request";

/**
 * Finds and claims the server span of a request: the span of OpenTelemetry's RPC metadata, since within a framework's
 * instrumentation another span is active; else the framework plugin's span; else the active span, if it is a SERVER span.
 * A span that another request has claimed stays with that request until it ends.
 */
export function findServerSpan(
  scope: RequestScope,
  framework: { readonly serverSpan?: SpanFinder | undefined },
  active: Context,
): SpanSource | undefined {
  try {
    const metadata = getRPCMetadata(active);
    const plugins = metadata === undefined ? framework.serverSpan?.() : undefined;
    const span = metadata?.span ?? plugins ?? activeServerSpan(active);
    if (span === undefined) return undefined;
    if (!claimServerSpan(scope, span)) return "another request";
    return span === plugins ? "framework" : "instrumentation";
  } catch (error) {
    warnOnce("span", "the server span could not be found", error);
    return undefined;
  }
}

function activeServerSpan(active: Context): Span | undefined {
  const span: (Span & { readonly kind?: SpanKind }) | undefined = trace.getSpan(active);
  return span?.kind === SpanKind.SERVER && span.isRecording() ? span : undefined;
}
