import { setBounded } from "../checks/bounded-map.ts";
import { attempt } from "../checks/diagnostics.ts";
import { processWide } from "../process-wide.ts";
import { setOrigin } from "../scope/origin.ts";
import type { RequestScope } from "../scope/request-scope.ts";

/** Requests under way at one time. Beyond this many, the oldest spans get no scope. */
const MAX_CLIENT_SPANS = 4096;

/** The CLIENT spans whose scope is not known yet, by span id, the oldest first. */
export const awaitedSpans: () => Map<string, object> = processWide("awaited-client-spans.v1", () => new Map());

/**
 * Keeps a CLIENT span that was started in the async context of a pooled socket, which may be another request's. Its scope
 * is set when its request is published with its `traceparent`.
 */
export function awaitClientSpan(spanId: string, span: object): void {
  setBounded(awaitedSpans(), spanId, span, MAX_CLIENT_SPANS);
}

/** To be called when the span has ended. */
export function forgetClientSpan(spanId: string): void {
  awaitedSpans().delete(spanId);
}

/** Whether the span of this id, or without an id any span, is awaited. */
export function isClientSpanAwaited(spanId?: string): boolean {
  const clientSpans = awaitedSpans();
  return spanId === undefined ? clientSpans.size > 0 : clientSpans.has(spanId);
}

/**
 * Sets the scope of an awaited CLIENT span. The span gets the attributes of that scope and its outer scopes. Only an
 * `ExperimentSpanProcessor` awaits spans; without one nothing happens. The first call counts: the span's own request is
 * published before other code can know its `traceparent` and send it back.
 *
 * @param spanId 16 hexadecimal digits, as in `traceparent`
 * @param scope the latest of the request's scopes
 */
export function tagClientSpan(spanId: string, scope: RequestScope): void {
  const clientSpans = awaitedSpans();
  const span = clientSpans.get(spanId);
  if (span === undefined) return;
  clientSpans.delete(spanId);
  attempt("span", "the scope of a CLIENT span could not be set", () => setOrigin(span, scope));
}
