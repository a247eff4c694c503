import { createExperiments, type Experiments, type ExperimentsOptions, type Registry } from "otel-experiments";
import { afterEach } from "vitest";

/** The experiments of most tests. */
export const REGISTRY = {
  checkout: { id: "checkout_1", variants: ["control", "express"] },
  search: { id: "search_1", variants: ["control", "semantic"] },
} as const;

/** Experiments with more variants, and with ids as a team writes them: those of the inbound tests. */
export const REDESIGN = {
  checkout: { id: "checkout_redesign_2026q1", variants: ["control", "single_page", "express"] },
  search: { id: "search_ranking_2026q1", variants: ["bm25", "semantic"] },
} as const;

const closing: { close(): PromiseLike<unknown> }[] = [];

afterEach(async () => {
  for (const open of closing.splice(0)) await open.close();
});

/** Closes what a test opens when the test is over. */
export function closed<T extends { close(): PromiseLike<unknown> }>(open: T): T {
  closing.push(open);
  return open;
}

/**
 * Experiments until the test is over: those of {@link REGISTRY} unless the options name others, without the types of
 * their keys, because tests also ask for keys that are none.
 */
export function createOpen(options: ExperimentsOptions = {}): Experiments {
  const registry: Registry = REGISTRY;
  return closed(createExperiments({ experiments: registry, ...options }));
}
