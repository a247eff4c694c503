import { type Context, context, type Span, SpanKind, trace } from "@opentelemetry/api";
import { getRPCMetadata } from "@opentelemetry/core";
import { attempt, warnOnce } from "../checks/diagnostics.ts";
import { scopeOwnedBy } from "./chain.ts";
import { scopeStorage } from "./current.ts";
import { extractedScope, extractions } from "./extraction.ts";
import { getScope } from "./holder.ts";
import { getOrigin, setOrigin, setOriginByServerSpan } from "./origin.ts";
import type { RequestScope, ScopeOwner } from "./request-scope.ts";

/** One instance's scope of the running code. */
export function currentScope(owner: ScopeOwner, active?: Context): RequestScope | undefined {
  return scopeOwnedBy(owner, latestScope(active));
}

/**
 * The latest scope of the running code, of any instance: by `scopeStorage`, else by the server span in OpenTelemetry's
 * context. If `active` is given and belongs to another request, it takes precedence: `startSpan(name, {}, context)`
 * means that request, and instrumentations of pooled connections restore its context.
 */
export function latestScope(active?: Context): RequestScope | undefined {
  const here = scopeStorage().getStore();
  const extracted = extractions().areMade
    ? attempt("carrier", EXTRACTED_FAILS, () => extractedScope(active ?? context.active(), here))
    : undefined;
  if (extracted !== undefined) return extracted;
  if (here === undefined) return scopeOfContext(active ?? context.active());
  return active === undefined || !isOfAnother(active, here) ? here : scopeOfContext(active);
}

/**
 * Whether a context is known to belong to another request than a scope does. A context without a span may have lost it,
 * as in `res.on("finish")`. A scope without a server span is never visible in OpenTelemetry's context: a job, or a
 * request injected within another one, runs in its caller's context.
 */
function isOfAnother(active: Context, here: RequestScope): boolean {
  const { serverSpan } = here;
  if (serverSpan === undefined) return false;
  try {
    const served = servedSpan(active);
    if (served !== undefined) return served !== serverSpan;
    const parent = trace.getSpan(active);
    if (parent === undefined) return false;
    const origin = getOrigin(parent);
    if (origin !== undefined) return origin.serverSpan !== serverSpan;
    return parent.spanContext().traceId !== serverSpan.spanContext().traceId;
  } catch (error) {
    warnOnce("span", "the context of a span could not be read", error);
    return true;
  }
}

function scopeOfContext(active: Context): RequestScope | undefined {
  try {
    const parent = trace.getSpan(active);
    return (parent === undefined ? undefined : getOrigin(parent)) ?? scopeOfServerSpan(servedSpan(active));
  } catch (error) {
    warnOnce("span", "OpenTelemetry's spans could not be read", error);
    return undefined;
  }
}

/** The server span of a context: that of the RPC metadata; without these, the active span if it is a server span. */
function servedSpan(active: Context): Span | undefined {
  const span = getRPCMetadata(active)?.span;
  if (span !== undefined) return span;
  const parent: (Span & { readonly kind?: SpanKind }) | undefined = trace.getSpan(active);
  return parent?.kind === SpanKind.SERVER ? parent : undefined;
}

function scopeOfServerSpan(span: Span | undefined): RequestScope | undefined {
  return span === undefined ? undefined : getScope(span);
}

/** Sets the origin of a span that starts, by its parent context. */
export function setOriginFromContext(span: object, parent: Context): void {
  const scope = latestScope(parent);
  if (scope !== undefined) {
    setOrigin(span, scope);
    return;
  }
  // The request may have started before its middleware ran, so that its scope does not exist yet.
  const served = servedSpan(parent);
  if (served !== undefined) setOriginByServerSpan(span, served);
}

const EXTRACTED_FAILS = "the scope of a carrier could not be found";
