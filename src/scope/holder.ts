import type { RequestScope } from "./request-scope.ts";

/** The property of a request or a server span that holds its scope, for code without its async context. */
const SCOPE = Symbol.for("otel-experiments.scope.v1");

interface ScopeHolder {
  [SCOPE]?: RequestScope;
}

/** Sets the scope of a request or a server span. Does nothing to an object that takes no properties. */
export function setScope(target: object, scope: RequestScope): void {
  const holder: ScopeHolder = target;
  try {
    holder[SCOPE] = scope;
  } catch {
    // The scope of a frozen object is found through the async context alone.
  }
}

/** The latest scope that was set on an object, of any instance. */
export function getScope(target: object): RequestScope | undefined {
  const holder: ScopeHolder = target;
  return holder[SCOPE];
}
