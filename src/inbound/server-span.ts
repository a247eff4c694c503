import { type Context, type Span, SpanKind, trace } from "@opentelemetry/api";
import { getRPCMetadata } from "@opentelemetry/core";
import { warnOnce } from "../checks/diagnostics.ts";
import { claimServerSpan } from "../scope/claiming.ts";
import type { RequestScope } from "../scope/request-scope.ts";

/** How a framework's plugin shows the server span that it made itself, where no HTTP instrumentation did. */
export type SpanFinder = () => Span | undefined;

/**
 * Whose the server span is that was found: an instrumentation's, which measures the request too; the framework plugin's,
 * which does not; or another live request's, as `app.inject` within a handler sees the outer request's.
 */
export type SpanSource = "instrumentation" | "framework" | "another request";

/**
 * Finds and claims the server span of a request: the one in OpenTelemetry's RPC metadata, which is not the active span behind a
 * framework's instrumentation; else the framework plugin's own; else the active one, where somebody made it a SERVER span
 * without saying so to others. A span that another live request has claimed stays its.
 */
export function findServerSpan(
  scope: RequestScope,
  frameworkSpan: SpanFinder | undefined,
  active: Context,
): SpanSource | undefined {
  try {
    const metadata = getRPCMetadata(active);
    const plugins = metadata === undefined ? frameworkSpan?.() : undefined;
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
