import util, { type CallSiteObject } from "node:util";

/**
 * The frames of the stack, the latest first. Node below 22.15 has none to show, or not as we ask: there nothing is known,
 * and a named import would keep the package from being loaded at all.
 *
 * @param most how many of them
 */
export function callSites(most: number): readonly CallSiteObject[] {
  const { getCallSites }: Partial<typeof util> = util;
  // Without source maps: what bundled code was before has nothing to say of how it runs now.
  return getCallSites?.(most, { sourceMap: false }) ?? [];
}
