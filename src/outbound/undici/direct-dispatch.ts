import { publishingFrames } from "./call-sites.ts";
import { BUILT_IN, packageOf } from "./package.ts";

/** From our own frames to the call of undici's API, with room for some interceptors. */
const MAX_FRAMES = 40;

/** What undici's API dispatches from, in the async context of its caller. */
const ENTRIES: ReadonlySet<string> = new Set([
  "lib/web/fetch/index.js httpNetworkFetch",
  "lib/api/api-request.js request",
  "lib/api/api-stream.js stream",
  "lib/api/api-pipeline.js pipeline",
]);

/** The interceptor that answers several calls by one request. */
export const SHARING = "lib/interceptor/deduplicate.js";

/** The functions of Node's own undici, which is one file, between its fetch and a request that waits for nothing. */
const BUILT_IN_WAY: ReadonlySet<string> = new Set([
  "",
  "Request",
  "Intercept",
  "[Intercepted Dispatch]",
  "[dispatch]",
  "dispatch",
  "dispatchWithProtocolPreference",
]);

/**
 * Whether the request that is being published was dispatched by a call of undici's API that is still on the stack, and
 * not by a pool that had let it wait, or by a handler that tries again. It is true only if every frame
 * between is known. A dispatcher of one version may be called by another one's API.
 *
 * It walks the stack, which costs some tens of microseconds.
 */
export function isDirectDispatch(): boolean {
  for (const [i, { scriptName, functionName }] of publishingFrames(MAX_FRAMES).entries()) {
    if (scriptName === BUILT_IN) {
      if (functionName === "httpNetworkFetch") return true;
      if (!BUILT_IN_WAY.has(functionName)) return false;
      continue;
    }
    const file = packageOf(scriptName)?.file;
    if (file === undefined || file.startsWith("lib/handler/")) return false;
    // Other callers may wait for the same answer, with members that this interceptor has not seen.
    if (file === SHARING) return false;
    // A request that was made before fails within this dispatch, and its handler tries again.
    if (file.startsWith("lib/core/") && i > 0) return false;
    if (isEntry(file, functionName)) return true;
    if (file === "lib/dispatcher/pool-base.js" && functionName !== "[dispatch]") return false;
  }
  return false;
}

/** Whether a frame is of undici's API, which runs in the async context of its caller. */
export function isEntry(file: string, functionName: string): boolean {
  return ENTRIES.has(`${file} ${functionName}`);
}
