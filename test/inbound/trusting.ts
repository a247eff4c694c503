import { createExperiments, type Experiments } from "otel-experiments";
import { afterEach } from "vitest";

const REGISTRY = {
  checkout: { id: "checkout_redesign_2026q1", variants: ["control", "single_page", "express"] },
  search: { id: "search_ranking_2026q1", variants: ["bm25", "semantic"] },
} as const;

/** The experiments that the tests of one framework share. */
export type Trusting = Experiments<typeof REGISTRY>;

/** A variant of theirs, as a caller's header line. */
export const EXPRESS_VARIANT = "baggage: experiment.checkout.variant=express";

const closing: { close(): PromiseLike<unknown> }[] = [];

afterEach(async () => {
  for (const open of closing.splice(0)) await open.close();
});

/** Closes what a test opens, behind the test. */
export function closed<T extends { close(): PromiseLike<unknown> }>(open: T): T {
  closing.push(open);
  return open;
}

/** Experiments that believe every caller, until the test is over. */
export function trusting(): Trusting {
  return closed(createExperiments({ experiments: REGISTRY, trustInbound: true, strict: false }));
}
