import { runWithVariants } from "../src/adapter.ts";

/**
 * Runs a function as if a request had brought these variants, for unit tests: `use`, `variant`, `current` and wrapped
 * clients in the function see them, and so does everything that it awaits. All instances of the process that are not
 * closed have the variants of the experiments that they declare. No header, server or SDK is needed.
 *
 * @param variants by experiment key; undefined means none
 * @returns the function's own result; the scope ends when it settles
 * @throws ExperimentUsageError without a function, if the process has no experiments, and for an experiment or a variant
 *   that none of them declares
 * @example expect(await runWith({ checkout: "one_click" }, () => renderCart())).toContain("Buy now");
 */
export function runWith<T>(variants: { readonly [key: string]: string | undefined }, fn: () => T): T {
  return runWithVariants(variants, fn);
}
