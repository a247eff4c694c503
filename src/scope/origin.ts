import type { Span } from "@opentelemetry/api";
import { getScope } from "./holder.ts";
import type { RequestScope } from "./request-scope.ts";

/**
 * The property of a span, other than a server span, that holds the request to which it belongs: as the scope, or as the
 * server span if the request has no scope yet.
 */
const ORIGIN = Symbol.for("otel-experiments.span-origin.v1");

interface SpanOfRequest {
  [ORIGIN]?: { readonly scope: RequestScope } | { readonly served: Span };
}

/** Sets the scope that a span belongs to. */
export function setOrigin(span: object, scope: RequestScope): void {
  const holder: SpanOfRequest = span;
  holder[ORIGIN] = { scope };
}

/** Sets the server span of the request that a span belongs to. */
export function setOriginByServerSpan(span: object, served: Span): void {
  const holder: SpanOfRequest = span;
  holder[ORIGIN] = { served };
}

/** The scope that a span belongs to; undefined if it was not set, or if the request has no scope yet. */
export function getOrigin(span: object): RequestScope | undefined {
  const holder: SpanOfRequest = span;
  const origin = holder[ORIGIN];
  if (origin === undefined) return undefined;
  return "scope" in origin ? origin.scope : getScope(origin.served);
}
