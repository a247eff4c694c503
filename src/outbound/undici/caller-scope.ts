import { AsyncResource } from "node:async_hooks";
import { processWide } from "../../process-wide.ts";
import type { RequestScope } from "../../scope/request-scope.ts";
import { callingScope } from "../calling-scope.ts";
import { CALL_OF_HANDLER, NO_CALLS, type UnmarkedCall, unmarkedCalls } from "../unmarked-call.ts";
import { buildOf, type UndiciBuild } from "./build.ts";
import { isDirectDispatch } from "./direct-dispatch.ts";
import { handlersWithin, isBehindLayers, isFresh, isOfFetch } from "./handlers.ts";
import { isNodesAgentUnlimited } from "./node-agent.ts";

/** The scope of a dispatch by its handlers, null for none. A redirect and a retry dispatch again with the same handlers. */
const dispatched = processWide("dispatched.v1", () => new WeakMap<object, RequestScope | null>());

/**
 * The scope of the code that called undici for the request that is being published. undici may make the request much
 * later, in the async context of another request. Undefined if the scope is not known for certain.
 */
export function scopeOfUndiciRequest(request: object): RequestScope | undefined {
  const build = buildOf(request);
  const handlers = handlersOf(request, build);
  const innermost = handlers.at(-1);
  // undici.request, stream and pipeline create their handler in their caller's context.
  if (innermost instanceof AsyncResource) return innermost.runInAsyncScope(callingScope);
  // A WebSocket that failed over HTTP/2 tries again from the callback of a socket.
  if (Reflect.get(request, "upgrade")) return undefined;
  for (const handler of handlers) {
    const known = dispatched().get(identityOf(handler));
    if (known !== undefined) return known ?? undefined;
  }
  if (!isInCallersContext(build, handlers)) return undefined;
  const scope = callingScope();
  for (const handler of handlers) dispatched().set(identityOf(handler), scope ?? null);
  return scope;
}

/**
 * The unmarked calls that made the request that is being published.
 *
 * @param matter whether it matters if they did: to know it can cost a look at the stack
 */
export function callsOfUndiciRequest(
  request: object,
  matter: (calls: readonly UnmarkedCall[]) => boolean,
): readonly UnmarkedCall[] {
  const build = buildOf(request);
  const handlers = handlersOf(request, build);
  for (const handler of handlers) {
    // why: only the package sets this property, in any of its copies
    const call = Reflect.get(handler, CALL_OF_HANDLER) as UnmarkedCall | undefined;
    if (call !== undefined) return call.chain;
  }
  const innermost = handlers.at(-1);
  const { storage } = unmarkedCalls();
  const isResource = innermost instanceof AsyncResource;
  const call = isResource ? innermost.runInAsyncScope(() => storage.getStore()) : storage.getStore();
  const calls = call?.chain ?? NO_CALLS;
  return isResource || (matter(calls) && isInCallersContext(build, handlers)) ? calls : NO_CALLS;
}

/** Whether a layer that answers or shares requests, such as a cache, may stand above a request. */
export function isRequestBehindLayers(request: object): boolean {
  const { handlerKey } = buildOf(request);
  return handlerKey === undefined || isBehindLayers(Reflect.get(request, handlerKey));
}

/** Whether a request whose handlers were not seen before is made in the context of the code that asked for it. */
function isInCallersContext(build: UndiciBuild, handlers: readonly object[]): boolean {
  const innermost = handlers.at(-1);
  if (innermost === undefined) return false;
  if (keepsContext(build) && isOfFetch(innermost) && handlers.every((each) => each === innermost || isFresh(each))) {
    return true;
  }
  return build.kind !== "unknown" && isDirectDispatch();
}

/** The handlers of a request, the outermost first. */
function handlersOf(request: object, { handlerKey }: UndiciBuild): readonly object[] {
  return handlerKey === undefined ? [] : handlersWithin(Reflect.get(request, handlerKey));
}

/** Whether fetch's requests are made in fetch's context: the pool lets none wait, or binds those that wait. */
function keepsContext({ kind, bindsQueue }: UndiciBuild): boolean {
  return kind === "built-in" ? isNodesAgentUnlimited() : bindsQueue;
}

/** The key of a handler. An interceptor may copy fetch's handler for each try; the copies share `onResponseStarted`. */
function identityOf(handler: object): object {
  const shared: unknown = isOfFetch(handler) ? Reflect.get(handler, "onResponseStarted") : undefined;
  return typeof shared === "function" ? shared : handler;
}
