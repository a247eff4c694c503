import { type Context, context, type Span, SpanKind, trace } from "@opentelemetry/api";
import { getRPCMetadata } from "@opentelemetry/core";
import { attempt, warnOnce } from "../checks/diagnostics.ts";
import { scopeOwnedBy } from "./chain.ts";
import { scopeStorage } from "./current.ts";
import { extractedScope, extractions } from "./extraction.ts";
import { getScope } from "./holder.ts";
import { getOrigin, setOrigin, setOriginByServerSpan } from "./origin.ts";
import type { RequestScope, ScopeOwner } from "./request-scope.ts";

/** One instance's scope of the code that runs. */
export function currentScope(owner: ScopeOwner, active?: Context): RequestScope | undefined {
  return scopeOwnedBy(owner, latestScope(active));
}

/**
 * The scope of the code that runs, of whichever instance: by our own async context, else by the server span that
 * OpenTelemetry has in its. A context that is given by name and belongs to another request outweighs our own: whoever
 * says `startSpan(name, {}, context)` means that request, and instrumentations of pooled connections bind it back.
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
 * Whether a context is known to be of another request than a scope's. One that shows no span may have lost it, as in
 * `res.on("finish")`. A scope that has no server span stands nowhere in OpenTelemetry's context: around a job, or a
 * request that is injected into another one's handler, there is whatever context its caller had.
 */
function isOfAnother(active: Context, here: RequestScope): boolean {
  const { serverSpan } = here;
  if (serverSpan === undefined) return false;
  try {
    const served = servedSpan(active);
    if (served !== undefined) return served !== serverSpan;
    const parent = trace.getSpan(active);
    if (parent === undefined) return false;
    const noted = getOrigin(parent);
    if (noted !== undefined) return noted.serverSpan !== serverSpan;
    return parent.spanContext().traceId !== serverSpan.spanContext().traceId;
  } catch (error) {
    warnOnce("span", "the context of a span could not be looked at", error);
    return true;
  }
}

function scopeOfContext(active: Context): RequestScope | undefined {
  try {
    const parent = trace.getSpan(active);
    return (parent === undefined ? undefined : getOrigin(parent)) ?? scopeOfServerSpan(servedSpan(active));
  } catch (error) {
    warnOnce("span", "OpenTelemetry's spans could not be looked at", error);
    return undefined;
  }
}

/** The server span that a context shows: by the RPC metadata, or as the parent itself where nobody sets them. */
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
  // The request may have started, and our middleware is still to come.
  const served = servedSpan(parent);
  if (served !== undefined) setOriginByServerSpan(span, served);
}

const EXTRACTED_FAILS = "what a carrier brought could not be looked at";
