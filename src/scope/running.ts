import type { AsyncResource } from "node:async_hooks";
import { type Context, context } from "@opentelemetry/api";
import { scopeStorage } from "./current.ts";
import { contextShowing, latestScope } from "./finding.ts";
import { contextWithoutOwn, takeOutOwn } from "./own-context.ts";
import type { RequestScope } from "./request-scope.ts";

/** Runs a function in a scope, without own members in OpenTelemetry's baggage. */
export function runInScope<T>(scope: RequestScope, fn: () => T): T {
  const { selfMeasured } = scope;
  return selfMeasured === undefined ? runCleaned(scope, fn) : selfMeasured.within(() => runCleaned(scope, fn));
}

function runCleaned<T>(scope: RequestScope, fn: () => T): T {
  const active = context.active();
  const { reader } = scope.owner.policy;
  // The instrumentation that made the server span made the baggage too.
  const isClean = scope.serverSpan !== undefined && takeOutOwn(reader, active);
  return runPlaced(scope, fn, isClean ? active : (contextWithoutOwn(reader, active, scope.hasReceived) ?? active));
}

/** Runs a function in a scope, and in a context that shows the scope. */
export function runPlaced<T>(scope: RequestScope | undefined, fn: () => T, within: Context = context.active()): T {
  const scopes = scopeStorage();
  const showing = contextShowing(scope, within);
  if (showing !== context.active()) return scopes.run(scope, () => context.with(showing, fn));
  return scopes.getStore() === scope ? fn() : scopes.run(scope, fn);
}

/**
 * Remembers the latest scope of the running code, or that there is none. The result runs code later in that scope: for
 * callbacks that a client calls from a shared socket, in the async context of another request.
 */
export function rememberScope(): <T>(fn: () => T) => T {
  return runnerIn(latestScope());
}

/** The same for the scope that was the latest one of some code. */
export function runnerIn(scope: RequestScope | undefined): <T>(fn: () => T) => T {
  return (fn) => (latestScope() === scope ? fn() : runPlaced(scope, fn));
}

/** Whether an async resource was made in the scope of the running code. */
export function isMadeHere(resource: AsyncResource): boolean {
  return resource.runInAsyncScope(scopeHere) === latestScope();
}

function scopeHere(): RequestScope | undefined {
  return latestScope();
}
