import { context } from "@opentelemetry/api";
import { scopeStorage } from "./current.ts";
import { contextWithoutOwn } from "./own-context.ts";
import type { RequestScope } from "./request-scope.ts";

/** Runs a function in a scope, with no own members in OpenTelemetry's baggage. */
export function runInScope<T>(scope: RequestScope, fn: () => T): T {
  const scopes = scopeStorage();
  const runCleaned = (): T => {
    const cleaned = contextWithoutOwn(scope.owner.policy.reader);
    return cleaned === undefined ? scopes.run(scope, fn) : scopes.run(scope, () => context.with(cleaned, fn));
  };
  const { selfMeasured } = scope;
  return selfMeasured === undefined ? runCleaned() : selfMeasured.within(runCleaned);
}

/**
 * Runs code later as it would run now: in the scope of the code that asks, of whichever instance, or in none. For what a
 * client calls from a shared socket, where the async context is another request's.
 */
export function rememberScope(): <T>(fn: () => T) => T {
  const scopes = scopeStorage();
  const scope = scopes.getStore();
  return (fn) => (scopes.getStore() === scope ? fn() : scopes.run(scope, fn));
}
