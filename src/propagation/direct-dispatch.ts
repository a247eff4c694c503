import { getCallSites } from "node:util";
import { BUILT_IN, pathOf } from "./undici-build.ts";

/** From our own frames to the call of undici's API, with room for some interceptors. */
const MAX_FRAMES = 40;

const CHANNEL_SCRIPT = "node:diagnostics_channel";

/** What undici's API calls to dispatch, in the async context of its caller. */
const ENTRIES: ReadonlySet<string> = new Set([
  "lib/web/fetch/index.js httpNetworkFetch",
  "lib/api/api-request.js request",
  "lib/api/api-stream.js stream",
  "lib/api/api-pipeline.js pipeline",
]);

/** What lies between Node's fetch and the dispatcher that it was given. */
const BUILT_IN_WAY: ReadonlySet<string> = new Set(["", "dispatch", "dispatchWithProtocolPreference"]);

/**
 * Whether the request that is being published was dispatched by a call of undici's API that is still on the stack, and
 * not by a pool that had let it wait, or by a handler that tries again. Only such a call proves it: any frame that does
 * not belong on the way means no.
 *
 * It walks the stack, which costs several microseconds.
 *
 * @param folder of the package whose request it is, ending with a slash
 */
export function isDirectDispatch(folder: string): boolean {
  const frames = getCallSites(MAX_FRAMES, { sourceMap: false });
  const published = frames.findIndex(({ scriptName }) => scriptName === CHANNEL_SCRIPT);
  const way = frames.slice(published + 1);
  if (published === -1 || way[0]?.functionName !== "Request") return false;
  for (const { scriptName, functionName } of way) {
    const script = pathOf(scriptName);
    if (script === BUILT_IN) {
      if (functionName === "httpNetworkFetch") return true;
      if (!BUILT_IN_WAY.has(functionName)) return false;
      continue;
    }
    if (!script.startsWith(folder)) return false;
    const file = script.slice(folder.length);
    if (ENTRIES.has(`${file} ${functionName}`)) return true;
    if (file.startsWith("lib/handler/")) return false;
    if (file === "lib/dispatcher/pool-base.js" && functionName !== "[dispatch]") return false;
  }
  return false;
}
