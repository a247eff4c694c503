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

const CHANNEL_SCRIPT = "node:diagnostics_channel";

/**
 * The frames from the constructor of the request that is being published, which calls `publish`, to its callers; none if
 * something else publishes.
 *
 * @param most how many frames of the stack are looked at
 */
export function publishingFrames(most: number): readonly CallSiteObject[] {
  const frames = callSites(most);
  const published = frames.findIndex(({ scriptName }) => scriptName === CHANNEL_SCRIPT);
  return published !== -1 && frames[published + 1]?.functionName === "Request" ? frames.slice(published + 1) : [];
}
