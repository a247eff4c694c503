import util, { type CallSiteObject } from "node:util";

/**
 * The frames of the stack, the latest first; none below Node 22.15, whose `node:util` has no such function. There a named
 * import would fail, and with it the import of the package.
 *
 * @param most how many of them
 */
export function callSites(most: number): readonly CallSiteObject[] {
  const { getCallSites }: Partial<typeof util> = util;
  // Without source maps: the names of bundled code are those that run, not those of its sources.
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
