import type { EgressPolicy } from "../policy/egress-policy.ts";
import { processWide } from "../process-wide.ts";

/** Policies of instances under `instrumentOutgoing`, with how many times each is in force. */
export const writingPolicies: () => Map<EgressPolicy, number> = processWide("all-clients.v1", () => new Map());

/** Whether instances that are made from here on write for all clients. */
const defaults = processWide("all-clients-by-default.v1", () => ({ areEverywhere: false }));

/**
 * Lets an instance write to the requests of every client of the process, until the result is called as often as this
 * was. The result is idempotent.
 */
export function writeForAllClients(policy: EgressPolicy): () => void {
  const everywhere = writingPolicies();
  everywhere.set(policy, (everywhere.get(policy) ?? 0) + 1);
  let undone = false;
  return () => {
    if (undone) return;
    undone = true;
    const others = (everywhere.get(policy) ?? 0) - 1;
    if (others > 0) everywhere.set(policy, others);
    else everywhere.delete(policy);
  };
}

/** Lets every instance of the process do so that is made from here on. */
export function writeForAllClientsByDefault(): void {
  defaults().areEverywhere = true;
}

/** Whether it was said that they do. */
export function writesForAllClientsByDefault(): boolean {
  return defaults().areEverywhere;
}
