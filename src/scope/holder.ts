import type { RequestScope } from "./request-scope.ts";

/** The property of a request or a server span that holds its scope, for code whose async context is gone. */
const SCOPE = Symbol.for("otel-experiments.scope.v1");

interface ScopeHolder {
  [SCOPE]?: RequestScope;
}

/** Sets the scope of a request or a server span. An object that takes no properties is passed over. */
export function setScope(target: object, scope: RequestScope): void {
  const holder: ScopeHolder = target;
  try {
    holder[SCOPE] = scope;
  } catch {
    // A frozen span finds its scope through the async context alone.
  }
}

/** The latest scope that was set on an object, of whichever instance. */
export function getScope(target: object): RequestScope | undefined {
  const holder: ScopeHolder = target;
  return holder[SCOPE];
}
