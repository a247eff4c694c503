import { isAttentive } from "../checks/development.ts";
import { notice } from "../checks/notices.ts";
import type { Destination } from "../policy/destination.ts";
import type { RequestOwner } from "./request-owner.ts";

/** Says in development that an outgoing request passes on no variant, because its client is not wrapped. */
export function noticeUnwrapped(owner: RequestOwner, destination: Destination | undefined): void {
  if (!isAttentive() || destination === undefined) return;
  if (owner.writers.length > 0) {
    if (owner.writers.every((scope) => scope.owner.policy.destinations.namesNobody)) notice("NO_DESTINATION");
    return;
  }
  const { scope } = owner;
  if (scope === undefined || scope.own.text === "" || !destination.allowedBy(scope.owner.policy.destinations)) return;
  notice("UNWRAPPED", { origin: destination.origin });
}
