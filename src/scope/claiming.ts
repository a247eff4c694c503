import type { Span } from "@opentelemetry/api";
import { scopesOf } from "./chain.ts";
import { getScope, setScope } from "./holder.ts";
import type { RequestScope } from "./request-scope.ts";

/** Makes a span the server span of a scope. False if a scope of another request that has not ended has claimed it. */
export function claimServerSpan(scope: RequestScope, span: Span): boolean {
  const isTaken = scopesOf(getScope(span)).some((claimant) => !claimant.ended && !isOuterOf(claimant, scope));
  if (isTaken) return false;
  setScope(span, scope);
  scope.claim(span);
  return true;
}

function isOuterOf(candidate: RequestScope, scope: RequestScope): boolean {
  for (let outer = scope.outer; outer !== undefined; outer = outer.outer) if (outer === candidate) return true;
  return false;
}
