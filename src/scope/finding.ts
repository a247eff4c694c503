import { type Attributes, type Context, context, type Span, SpanKind, trace } from "@opentelemetry/api";
import { getRPCMetadata } from "@opentelemetry/core";
import { NO_ASSIGNMENT_PAIR } from "../assignment/assignment.ts";
import { attempt, warnOnce } from "../checks/diagnostics.ts";
import { scopeStorage } from "./current.ts";
import { extractedScope, extractions } from "./extraction.ts";
import type { RequestScope, ScopeOwner } from "./request-scope.ts";

/** Where a scope is noted on a request and on the server span, to be found again where async context is gone. */
const SCOPE = Symbol.for("otel-experiments.scope.v1");

interface ScopeHolder {
  [SCOPE]?: RequestScope;
}

/** Notes a scope on a request or a span. An object that takes no properties is passed over. */
export function setScope(target: object, scope: RequestScope): void {
  const holder: ScopeHolder = target;
  try {
    holder[SCOPE] = scope;
  } catch {
    // A frozen span finds its scope through the async context alone.
  }
}

/** The latest scope noted on an object, of whichever instance. */
export function getScope(target: object): RequestScope | undefined {
  const holder: ScopeHolder = target;
  return holder[SCOPE];
}

/** The scope of one instance in a chain. */
export function scopeOwnedBy(owner: ScopeOwner, scope: RequestScope | undefined): RequestScope | undefined {
  let candidate = scope;
  while (candidate !== undefined && candidate.owner !== owner) candidate = candidate.outer;
  return candidate;
}

/** The scopes of a chain, the latest first; each is another instance's. */
export function scopesOf(latest: RequestScope | undefined): readonly RequestScope[] {
  const scopes: RequestScope[] = [];
  for (let scope = latest; scope !== undefined; scope = scope.outer) scopes.push(scope);
  return scopes;
}

/** The bounded flat pair of a request: of several instances on it, the latest that has one, as on spans. */
export function metricPairOf(latest: RequestScope | undefined): Attributes {
  for (let scope = latest; scope !== undefined; scope = scope.outer) {
    if (scope.flat !== undefined) return scope.attributes;
  }
  return NO_ASSIGNMENT_PAIR;
}

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
    return (parent === undefined ? undefined : getOrigin(parent)) ?? scopeOfServed(servedSpan(active));
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

function scopeOfServed(span: object | undefined): RequestScope | undefined {
  return span === undefined ? undefined : getScope(span);
}

/** Whose a span is that is no server span. Apart from `SCOPE`, which says that a request has claimed the span. */
const ORIGIN = Symbol.for("otel-experiments.span-origin.v1");

interface SpanOfRequest {
  [ORIGIN]?: { readonly scope: RequestScope } | { readonly served: Span };
}

/** Notes on a span that is no server span whose request it is: as its parent context says when it starts. */
export function setOriginFromContext(span: object, parent: Context): void {
  const scope = latestScope(parent);
  if (scope !== undefined) setOrigin(span, scope);
  else {
    // The request may have started, and our middleware is still to come.
    const served = servedSpan(parent);
    const holder: SpanOfRequest = span;
    if (served !== undefined) holder[ORIGIN] = { served };
  }
}

/** Notes on a span whose request it is, where somebody knows better than its context. */
export function setOrigin(span: object, scope: RequestScope): void {
  const holder: SpanOfRequest = span;
  holder[ORIGIN] = { scope };
}

/** The scope of a span that is no server span, if it was noted. */
export function getOrigin(span: object): RequestScope | undefined {
  const holder: SpanOfRequest = span;
  const origin = holder[ORIGIN];
  if (origin === undefined) return undefined;
  return "scope" in origin ? origin.scope : scopeOfServed(origin.served);
}

const EXTRACTED_FAILS = "what a carrier brought could not be looked at";
