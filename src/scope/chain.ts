import type { Attributes } from "@opentelemetry/api";
import { NO_ASSIGNMENT_PAIR } from "../assignment/assignment.ts";
import type { RequestScope, ScopeOwner } from "./request-scope.ts";

/** One instance's scope in the chain that starts at `scope`. */
export function scopeOwnedBy(owner: ScopeOwner, scope: RequestScope | undefined): RequestScope | undefined {
  let candidate = scope;
  while (candidate !== undefined && candidate.owner !== owner) candidate = candidate.outer;
  return candidate;
}

/** The scopes of a chain, the latest first, each of a different instance. */
export function scopesOf(latest: RequestScope | undefined): readonly RequestScope[] {
  const scopes: RequestScope[] = [];
  for (let scope = latest; scope !== undefined; scope = scope.outer) scopes.push(scope);
  return scopes;
}

/** Whether a scope is in the chain that starts at `latest`. */
export function isInChain(candidate: RequestScope, latest: RequestScope): boolean {
  for (let scope: RequestScope | undefined = latest; scope !== undefined; scope = scope.outer) {
    if (scope === candidate) return true;
  }
  return false;
}

/** Whether two scopes belong to the same request, each to one of its instances. */
export function isOfOneRequest(one: RequestScope, other: RequestScope): boolean {
  return one === other || outermostOf(one) === outermostOf(other);
}

function outermostOf(scope: RequestScope): RequestScope {
  let outermost = scope;
  while (outermost.outer !== undefined) outermost = outermost.outer;
  return outermost;
}

/** The bounded flat pair of a request. Of several instances, the latest one with an assignment counts, as on spans. */
export function metricPairOf(latest: RequestScope | undefined): Attributes {
  for (let scope = latest; scope !== undefined; scope = scope.outer) {
    if (scope.flat !== undefined) return scope.attributes;
  }
  return NO_ASSIGNMENT_PAIR;
}
