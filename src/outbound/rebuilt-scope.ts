import type { Instance } from "../instance/instance.ts";
import type { LineWriter } from "../propagation/outgoing-baggage.ts";
import { readReceived, receive } from "../propagation/received.ts";
import { RequestScope } from "../scope/request-scope.ts";

const TRUST = { trusts: () => true, explain: () => "" };

const NOBODY = { header: () => undefined, peer: undefined };

/**
 * A scope with what the line says, for the span of a request whose own scope is not at hand: the line has no value that
 * the request itself does not show.
 */
export function rebuildScope(outer: RequestScope | undefined, { owner, own }: LineWriter): RequestScope {
  const scope = new RequestScope(owner, outer);
  // why: each owner of a scope is an instance, of one of the package's copies
  receive(scope, readReceived(owner as Instance, own.text, NOBODY, TRUST));
  return scope;
}
