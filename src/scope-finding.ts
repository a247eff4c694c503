import { type Context, context } from "@opentelemetry/api";
import { getRPCMetadata } from "@opentelemetry/core";
import { processState } from "./process-state.ts";
import type { RequestScope, ScopeOwner } from "./scope.ts";
import { advise } from "./telemetry/diagnostics.ts";

/** Where a scope is noted on a request and on the server span, to be found again where async context is gone. */
const SCOPE = Symbol.for("otel-experiments.scope.v1");

interface ScopeHolder {
  [SCOPE]?: RequestScope;
}

/** Notes a scope on a request or a span. An object that takes no properties is passed over. */
export function attachScope(target: object, scope: RequestScope): void {
  const holder: ScopeHolder = target;
  try {
    holder[SCOPE] = scope;
  } catch {
    // A frozen span finds its scope through the async context alone.
  }
}

/** The latest scope noted on an object, of whichever instance. */
export function attachedScope(target: object): RequestScope | undefined {
  const holder: ScopeHolder = target;
  return holder[SCOPE];
}

/** The scope of one instance in a chain. */
export function scopeOwnedBy(owner: ScopeOwner, scope: RequestScope | undefined): RequestScope | undefined {
  let candidate = scope;
  while (candidate !== undefined && candidate.owner !== owner) candidate = candidate.outer;
  return candidate;
}

/** One instance's scope of the code that runs. */
export function currentScope(owner: ScopeOwner, active?: Context): RequestScope | undefined {
  return scopeOwnedBy(owner, latestScope(active));
}

/**
 * The scope of the code that runs, of whichever instance: by our own async context, else by the server span that
 * OpenTelemetry has in its.
 */
export function latestScope(active?: Context): RequestScope | undefined {
  return processState().scopes.getStore() ?? scopeOfServerSpan(active);
}

/** The scope of the request whose server span a context has, whatever code runs. */
export function scopeOfServerSpan(active?: Context): RequestScope | undefined {
  try {
    const span = getRPCMetadata(active ?? context.active())?.span;
    return span === undefined ? undefined : attachedScope(span);
  } catch (error) {
    advise("span", "OpenTelemetry's server span could not be looked at", error);
    return undefined;
  }
}
