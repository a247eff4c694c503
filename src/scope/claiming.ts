import type { Span } from "@opentelemetry/api";
import { isInChain, scopesOf } from "./chain.ts";
import { getScope, setScope } from "./holder.ts";
import type { RequestScope } from "./request-scope.ts";

/** Makes a span the server span of a scope. False if a scope of another request that has not ended has claimed it. */
export function claimServerSpan(scope: RequestScope, span: Span): boolean {
  const isTaken = scopesOf(getScope(span)).some((claimant) => !claimant.ended && !isInChain(claimant, scope));
  if (isTaken) return false;
  setScope(span, scope);
  scope.claim(span);
  return true;
}
