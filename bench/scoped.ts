import { type ExperimentsHandle, inbound } from "../src/adapter.ts";
import { EXPERIMENT_ID } from "./headers.ts";

/** Runs a function as a service runs its handler, while it serves a request that has a variant. */
export function inScope<T>(experiments: ExperimentsHandle, fn: () => T): T {
  const baggage = `user=1,experiment.checkout.variant=express,experiment.checkout.id=${EXPERIMENT_ID}`;
  const { run } = inbound(experiments)({
    header: (name) => (name === "baggage" ? baggage : undefined),
    peer: "10.0.0.1",
    request: { emit: () => false },
    response: { emit: () => false },
  });
  return run(fn);
}
