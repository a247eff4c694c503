import type { EgressPolicy } from "../policy/egress-policy.ts";
import { processState } from "../process-state.ts";

/**
 * Lets an instance write to the requests of every client of the process, until the result is called as often as this
 * was. The result is idempotent.
 */
export function writeEverywhere(policy: EgressPolicy): () => void {
  const { everywhere } = processState();
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
export function writeEverywhereByDefault(): void {
  processState().everywhereByDefault = true;
}
