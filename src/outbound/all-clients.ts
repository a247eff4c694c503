import type { EgressPolicy } from "../policy/egress-policy.ts";
import { processWide } from "../process-wide.ts";

/** The policies of instances that write for all clients, with the number of calls in force. */
export const writingPolicies: () => Map<EgressPolicy, number> = processWide("all-clients.v1", () => new Map());

/** Whether new instances write for all clients. */
const defaults = processWide("all-clients-by-default.v1", () => ({ areEverywhere: false }));

/**
 * Lets an instance write own members to the requests of every client of the process, until each result has been called.
 * A result is idempotent.
 */
export function writeForAllClients(policy: EgressPolicy): () => void {
  const policies = writingPolicies();
  policies.set(policy, (policies.get(policy) ?? 0) + 1);
  let undone = false;
  return () => {
    if (undone) return;
    undone = true;
    const others = (policies.get(policy) ?? 0) - 1;
    if (others > 0) policies.set(policy, others);
    else policies.delete(policy);
  };
}

/** Lets all instances that are made later write for all clients. */
export function writeForAllClientsByDefault(): void {
  defaults().areEverywhere = true;
}

/** Whether instances that are made now write for all clients. */
export function writesForAllClientsByDefault(): boolean {
  return defaults().areEverywhere;
}
