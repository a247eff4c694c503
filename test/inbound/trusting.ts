import { createExperiments, type Experiments } from "otel-experiments";
import { closed, REDESIGN } from "../support/experiments.ts";

/** The experiments that the tests of one framework share. */
export type Trusting = Experiments<typeof REDESIGN>;

/** A variant of theirs, as a caller's header line. */
export const EXPRESS_VARIANT = "baggage: experiment.checkout.variant=express";

/** Experiments that believe every caller, until the test is over. */
export function trusting(): Trusting {
  return closed(createExperiments({ experiments: REDESIGN, trustInbound: true, strict: false }));
}
