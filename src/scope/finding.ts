import { type Context, context, createContextKey, ROOT_CONTEXT, type Span, SpanKind, trace } from "@opentelemetry/api";
import { getRPCMetadata } from "@opentelemetry/core";
import { isRegistered } from "../checks/api-global.ts";
import { warnOnce } from "../checks/diagnostics.ts";
import { isInChain, isOfOneRequest, scopeOwnedBy } from "./chain.ts";
import { scopeStorage } from "./current.ts";
import { extractions, standingExtraction } from "./extraction.ts";
import { getScope } from "./holder.ts";
import { getOrigin, setOrigin, setOriginByServerSpan } from "./origin.ts";
import type { RequestScope, ScopeOwner } from "./request-scope.ts";

/**
 * The key of OpenTelemetry's context under which the package places a scope; null says that the code belongs to no
 * request. OpenTelemetry makes one key of each description, so all copies of the package share this one.
 */
const SCOPE = createContextKey("otel-experiments.scope.v1");

/** One instance's scope of the running code. */
export function currentScope(owner: ScopeOwner, active?: Context): RequestScope | undefined {
  return scopeOwnedBy(owner, latestScope(active));
}

/**
 * The latest scope of the running code, of any instance. This is the one rule for whose request the code belongs to:
 *
 * 1. If OpenTelemetry's context belongs to a known request, that request counts. A pooled connection calls a callback in
 *    the async context of some other request, and instrumentations bring OpenTelemetry's context back (`context.bind`).
 * 2. If the scope of `scopeStorage` is the same one, or was opened later in its chain, the scope of `scopeStorage` counts,
 *    because it is the more specific one. So does the scope of a request that was injected within that one, if the active
 *    span is not known to belong to the request around it.
 * 3. If OpenTelemetry's context is known to be of something else than the request of `scopeStorage`, there is no scope.
 * 4. If OpenTelemetry's context says nothing, as where it is lost, `scopeStorage` counts.
 * 5. A scope that is over counts for nothing.
 */
export function latestScope(active: Context = context.active()): RequestScope | undefined {
  const here = scopeStorage().getStore();
  const found = active === ROOT_CONTEXT ? here : choose(active, here);
  return found === undefined || found.isOver ? undefined : found;
}

function choose(active: Context, here: RequestScope | undefined): RequestScope | undefined {
  try {
    const there = scopeIn(active, here);
    if (there === null) return undefined;
    if (there === undefined) return here === undefined || isOfAnother(active, here) ? undefined : here;
    return here !== undefined && isMoreSpecific(here, there, active) ? here : there;
  } catch (error) {
    warnOnce("span", "OpenTelemetry's context could not be read", error);
    return here;
  }
}

/**
 * The scope of a context: of the carrier that it was extracted from; else the placed one; else that of the server span;
 * else that of the active span. Undefined if the context says nothing, null if it says that there is none.
 */
function scopeIn(active: Context, here: RequestScope | undefined): RequestScope | null | undefined {
  const placed = placedIn(active);
  const extracted = extractions().areMade ? standingExtraction(active, here, placed)?.scope() : undefined;
  if (extracted !== undefined) return extracted;
  if (placed !== undefined) return placed;
  const served = scopeOfServerSpan(servedSpan(active));
  if (served !== undefined) return served;
  const span = trace.getSpan(active);
  return span === undefined ? undefined : getOrigin(span);
}

/**
 * Whether a scope was opened within another one. The plugin @fastify/otel runs an injected request in a context of its own,
 * which shows only the request around it: there the active span, which the plugin has made, tells the two apart. Without
 * `ExperimentSpanProcessor` it is not known whose span it is; then the injected request counts.
 */
function isMoreSpecific(here: RequestScope, there: RequestScope, active: Context): boolean {
  if (isInChain(there, here)) return true;
  if (here.around === undefined || !isOfOneRequest(here.around, there)) return false;
  const span = trace.getSpan(active);
  if (span === undefined) return false;
  const shown = getScope(span) ?? getOrigin(span);
  return shown === undefined || !isOfOneRequest(shown, there);
}

/**
 * Whether a context without a scope is known to belong to something else than the request of a scope. A context without
 * a span may have lost it, as in `res.on("finish")`; so may the context in which a root span was started, as the CLIENT
 * span of an instrumentation. If the request has no server span, no span can be compared with it.
 */
function isOfAnother(active: Context, { serverSpan }: RequestScope): boolean {
  if (serverSpan === undefined) return false;
  const span = servedSpan(active);
  if (span !== undefined) return span !== serverSpan;
  const parent = trace.getSpan(active);
  if (parent === undefined || parent.spanContext().traceId === serverSpan.spanContext().traceId) return false;
  return !isRoot(parent);
}

/** Whether a span of an SDK has no parent: that of SDK 2 and later has `parentSpanContext`. */
function isRoot(span: Span & { readonly kind?: SpanKind; readonly parentSpanContext?: unknown }): boolean {
  return span.kind !== undefined && span.parentSpanContext === undefined;
}

export function placedIn(active: Context): RequestScope | null | undefined {
  // why: only this package writes under this key
  return active.getValue(SCOPE) as RequestScope | null | undefined;
}

/**
 * A context in which `latestScope` finds a scope: the given one if it shows the scope already, or if no context is kept.
 * Never throws.
 *
 * @param scope undefined for code that belongs to no request
 */
export function contextShowing(scope: RequestScope | undefined, active: Context): Context {
  // Without a context manager, every context is the root context.
  if (!isRegistered("context")) return active;
  try {
    if (isShown(scope, active)) return active;
  } catch (error) {
    warnOnce("span", "OpenTelemetry's context could not be read", error);
  }
  return active.setValue(SCOPE, scope ?? null);
}

function isShown(scope: RequestScope | undefined, active: Context): boolean {
  if (active === ROOT_CONTEXT) return scope === undefined;
  const placed = placedIn(active);
  if (scope === undefined) return placed === null;
  if (placed !== undefined) return placed === scope;
  const served = servedSpan(active);
  if (served === undefined || getScope(served) !== scope) return false;
  return !extractions().areMade || standingExtraction(active, undefined, placed) === undefined;
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
  if (served !== undefined && getScope(served) === undefined) setOriginByServerSpan(span, served);
}
