import { type Attributes, type Context, type Span, SpanKind, trace } from "@opentelemetry/api";
import { extractionIn } from "../extraction.ts";
import type { RequestScope } from "../scope.ts";
import { noteScope, scopesOf } from "../scope-finding.ts";
import { attempt } from "./diagnostics.ts";
import { claimSpan } from "./server-span.ts";

/** What we read of the SDK's span, in 2.x and 3.x. */
interface ReadableSpan {
  readonly kind?: SpanKind;
  readonly attributes?: Attributes;
}

/** OpenTelemetry's conventions put it on spans that are of several messages, and on no other. */
const BATCH_SIZE = "messaging.batch.message_count";

/** Claims the span that an instrumentation made of the one message that is processed, which is the active one. */
export function claimConsumerSpan(scope: RequestScope): void {
  attempt("span", "the consumer span could not be found", () => {
    const span: (Span & ReadableSpan) | undefined = trace.getActiveSpan();
    if (span === undefined || !isOf(span, SpanKind.CONSUMER)) return;
    // It may have started as a span of the request around it.
    if (claimSpan(scope, span)) noteScope(span, scope);
  });
}

/**
 * Claims the span that an instrumentation starts of a call or a message, for the scope of the carrier that our propagator
 * read for it. Gives whether there is such a scope. May throw what the span throws.
 */
export function claimExtracted(span: ReadableSpan, parent: Context): boolean {
  if (!isOf(span, SpanKind.SERVER) && !isOf(span, SpanKind.CONSUMER)) return false;
  const scopes = scopesOf(extractionIn(parent)?.scope());
  for (const scope of scopes.toReversed()) {
    if (scope.serverSpan === undefined) claimSpan(scope, span as Span); // why: what an SDK starts is a span of the API
  }
  return scopes.length > 0;
}

function isOf(span: ReadableSpan, kind: SpanKind): boolean {
  return span.kind === kind && span.attributes?.[BATCH_SIZE] === undefined;
}
