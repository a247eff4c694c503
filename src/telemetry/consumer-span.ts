import { type Attributes, type Span, SpanKind, trace } from "@opentelemetry/api";
import type { RequestScope } from "../scope.ts";
import { attempt } from "./diagnostics.ts";
import { claimSpan } from "./server-span.ts";

/** What we read of the SDK's span, in 2.x and 3.x. */
interface ReadableSpan extends Span {
  readonly kind?: SpanKind;
  readonly attributes?: Attributes;
}

/** OpenTelemetry's conventions put it on spans that are of several messages, and on no other. */
const BATCH_SIZE = "messaging.batch.message_count";

/** Claims the span that an instrumentation made of the one message that is processed, which is the active one. */
export function claimConsumerSpan(scope: RequestScope): void {
  attempt("span", "the consumer span could not be found", () => {
    const span: ReadableSpan | undefined = trace.getActiveSpan();
    if (span?.kind !== SpanKind.CONSUMER || span.attributes?.[BATCH_SIZE] !== undefined) return;
    if (!isOfOuterMessage(span, scope)) claimSpan(scope, span);
  });
}

/** Within the work on a message another one may be run, whose span it is not. */
function isOfOuterMessage(span: Span, scope: RequestScope): boolean {
  for (let { outer } = scope; outer !== undefined; outer = outer.outer) {
    if (outer.owner === scope.owner && outer.serverSpan === span) return true;
  }
  return false;
}
