import { attempt } from "../checks/diagnostics.ts";
import { processWide } from "../process-wide.ts";
import { setOrigin } from "../scope/origin.ts";
import type { RequestScope } from "../scope/request-scope.ts";

/** Requests under way at a time that a process is expected to have; of more, the oldest spans go without. */
const MAX_CLIENT_SPANS = 4096;

/** By span id, oldest first. */
export const awaitedSpans: () => Map<string, object> = processWide("awaited-client-spans.v1", () => new Map());

/**
 * Keeps a CLIENT span that was started in the async context of a pooled socket, which may be another request's, until
 * somebody knows whose it is: the channel on which the request is published, by the `traceparent` that it carries.
 */
export function awaitClientSpan(spanId: string, span: object): void {
  const clientSpans = awaitedSpans();
  if (clientSpans.size >= MAX_CLIENT_SPANS) {
    for (const [oldest] of clientSpans) {
      clientSpans.delete(oldest);
      break;
    }
  }
  clientSpans.set(spanId, span);
}

/** The span has ended. */
export function forgetClientSpan(spanId: string): void {
  awaitedSpans().delete(spanId);
}

/** Whether anybody waits to be told whose a span is, or any span at all. */
export function isClientSpanAwaited(spanId?: string): boolean {
  const clientSpans = awaitedSpans();
  return spanId === undefined ? clientSpans.size > 0 : clientSpans.has(spanId);
}

/**
 * Says whose request a client's span is. It gets the attributes of that scope, and of those around it, if an
 * `ExperimentSpanProcessor` is in place; else nothing happens. What is said first counts: the request that the span is of
 * is published before anybody else can know its `traceparent`, and send it back.
 *
 * @param spanId 16 hexadecimal digits, as in `traceparent`
 * @param scope the latest of the request's scopes
 */
export function tagClientSpan(spanId: string, scope: RequestScope): void {
  const clientSpans = awaitedSpans();
  const span = clientSpans.get(spanId);
  if (span === undefined) return;
  clientSpans.delete(spanId);
  attempt("span", "a client's span takes no note", () => setOrigin(span, scope));
}
