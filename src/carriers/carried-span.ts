import { type Attributes, type Context, type Span, SpanKind, trace } from "@opentelemetry/api";
import { attempt } from "../checks/diagnostics.ts";
import { processWide } from "../process-wide.ts";
import { scopesOf } from "../scope/chain.ts";
import { claimServerSpan } from "../scope/claiming.ts";
import { extractionIn, extractions } from "../scope/extraction.ts";
import { setOrigin } from "../scope/origin.ts";
import type { RequestScope } from "../scope/request-scope.ts";

/** The part of an SDK's span that is read here, in 2.x and 3.x. */
interface ReadableSpan {
  readonly kind?: SpanKind;
  readonly attributes?: Attributes;
}

/**
 * Attributes, by OpenTelemetry's conventions, of a span for several messages, and of a span for an HTTP request when it
 * starts, current and older. An HTTP/1.0 request cannot be recognised by its headers.
 */
const NOT_OF_ONE_MESSAGE = ["messaging.batch.message_count", "http.request.method", "http.method"] as const;

/** Claims the active span, if an instrumentation made it for the one message that is processed. */
export function claimConsumerSpan(scope: RequestScope): void {
  attempt("span", "the consumer span could not be found", () => {
    const span: (Span & ReadableSpan) | undefined = trace.getActiveSpan();
    if (span === undefined || !isOf(span, SpanKind.CONSUMER)) return;
    // It may have started as a span of the request around it.
    if (claimServerSpan(scope, span)) setOrigin(span, scope);
  });
}

/**
 * Claims the span that an instrumentation starts for a call or a message, for the scope of the carrier that the package's
 * propagator read. True if there is such a scope. Throws if the span throws.
 */
export function claimExtracted(span: ReadableSpan, parent: Context): boolean {
  if (!isOf(span, SpanKind.SERVER) && !isOf(span, SpanKind.CONSUMER)) return false;
  const scopes = scopesOf(extractionIn(parent)?.scope());
  for (const scope of scopes.toReversed()) {
    if (scope.serverSpan === undefined) claimServerSpan(scope, span as Span); // why: a span that an SDK starts is a span of the API
  }
  if (scopes.length > 0) endedBySpans().set(span, scopes);
  return scopes.length > 0;
}

/** The scopes that end with a span. */
const endedBySpans = processWide("ended-by-spans.v1", () => new WeakMap<object, readonly RequestScope[]>());

/** Ends the scopes of the carrier whose span has ended, since nothing else shows the end of the call or the message. */
export function endExtracted(span: object): void {
  if (!extractions().areMade) return;
  for (const scope of endedBySpans().get(span) ?? []) scope.end();
}

function isOf({ kind, attributes = {} }: ReadableSpan, wanted: SpanKind): boolean {
  return kind === wanted && NOT_OF_ONE_MESSAGE.every((name) => attributes[name] === undefined);
}
