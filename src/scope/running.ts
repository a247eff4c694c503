import { context } from "@opentelemetry/api";
import { scopeStorage } from "./current.ts";
import { contextWithoutOwn } from "./own-context.ts";
import type { RequestScope } from "./request-scope.ts";

/** Runs a function in a scope, without own members in OpenTelemetry's baggage. */
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
 * Remembers the latest scope of the running code, or that there is none. The result runs code later in that scope: for
 * callbacks that a client calls from a shared socket, in the async context of another request.
 */
export function rememberScope(): <T>(fn: () => T) => T {
  const scopes = scopeStorage();
  const scope = scopes.getStore();
  return (fn) => (scopes.getStore() === scope ? fn() : scopes.run(scope, fn));
}
