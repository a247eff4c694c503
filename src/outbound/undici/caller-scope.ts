import { AsyncResource } from "node:async_hooks";
import { attempt } from "../../checks/diagnostics.ts";
import type { Destination } from "../../policy/destination.ts";
import { processWide } from "../../process-wide.ts";
import type { RequestScope } from "../../scope/request-scope.ts";
import { callingScope } from "../calling-scope.ts";
import {
  CALL_OF_HANDLER,
  type HeldCall,
  NO_CALLS,
  type SpanMaker,
  type UnmarkedCall,
  unmarkedCalls,
} from "../unmarked-call.ts";
import { buildOf, type UndiciBuild } from "./build.ts";
import { isDirectDispatch } from "./direct-dispatch.ts";
import { handlersWithin, isBehindLayers, isFresh, isOfFetch, isWrapped } from "./handlers.ts";
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
 * @param destination undefined if unknown
 * @param matter whether it matters if they did: to know it can cost a look at the stack
 */
export function callsOfUndiciRequest(
  request: object,
  destination: Destination | undefined,
  matter: (calls: readonly UnmarkedCall[]) => boolean,
): readonly UnmarkedCall[] {
  // A tunnel is the proxy agent's, also if a call has it made.
  if (Reflect.get(request, "method") === "CONNECT") return NO_CALLS;
  const build = buildOf(request);
  const handlers = handlersOf(request, build);
  const known = markOf(handlers) ?? hiddenCall(handlers) ?? dispatchingCall(request, destination);
  if (known !== undefined) return known.chain;
  const innermost = handlers.at(-1);
  const { storage } = unmarkedCalls();
  const isResource = innermost instanceof AsyncResource;
  const call = isResource ? innermost.runInAsyncScope(() => storage.getStore()) : storage.getStore();
  const calls = call?.chain ?? NO_CALLS;
  if (isResource || calls.length === 0 || !matter(calls)) return isResource ? calls : NO_CALLS;
  // A layer of the user's may hold requests back, and make one in the context of another call. If the call could write
  // to the destination, which is seldom, only the stack is certain enough.
  const isCertain = calls.some((each) => each.mayWriteTo(destination))
    ? build.kind !== "unknown" && isDirectDispatch()
    : isInCallersContext(build, handlers);
  return isCertain ? calls : NO_CALLS;
}

/** What makes the spans of the request that is being published; undefined if no wrapped client does. */
export function spanMakerOfUndiciRequest(request: object): SpanMaker | undefined {
  if (unmarkedCalls().live === 0) return undefined;
  return spanMakerOf(callsOfUndiciRequest(request, undefined, (calls) => spanMakerOf(calls) !== undefined));
}

/** The innermost of several wrappers of fetch makes the spans. */
export function spanMakerOf(calls: readonly UnmarkedCall[]): SpanMaker | undefined {
  return calls.findLast(({ spans }) => spans !== undefined)?.spans;
}

/**
 * The unmarked call that dispatches with a handler. The handler of a fetch is marked with the call of that fetch, since a
 * pool may make the request in the async context of another one.
 */
export function callOfHandler(handler: unknown): UnmarkedCall | undefined {
  const { live, storage } = unmarkedCalls();
  if (live === 0) return undefined;
  const handlers = handlersWithin(handler);
  const marked = markOf(handlers);
  if (marked !== undefined) return marked;
  const innermost = handlers.at(-1);
  if (innermost === undefined || !(isOfFetch(innermost) || isWrapped(innermost))) return undefined;
  if (!handlers.every((each) => each === innermost || isFresh(each))) return undefined;
  const call = storage.getStore();
  if (call !== undefined) Reflect.defineProperty(innermost, CALL_OF_HANDLER, { value: call });
  return call;
}

/**
 * The call that dispatches at this moment, if this is the first request that is made meanwhile. A layer that holds
 * requests back may let go of another's first: then none is found, and so it is if the call may write to the destination,
 * since what it has first is for one that is not allowed.
 */
function dispatchingCall(request: object, destination: Destination | undefined): UnmarkedCall | undefined {
  const { dispatching, waiting } = unmarkedCalls();
  if (dispatching === undefined || waiting > 0) return undefined;
  if (dispatching.chain.some((call) => call.mayWriteTo(destination))) return undefined;
  return dispatching.dispatches(request) ? dispatching : undefined;
}

/**
 * undici 7 puts a handler of its new form into an `UnwrapHandler`, whose private field holds it. To be found, a handler of
 * ours answers its method `onResponseStarted`, which no handler of the new form has.
 */
function hiddenCall(handlers: readonly object[]): UnmarkedCall | undefined {
  const state = unmarkedCalls();
  const innermost = handlers.at(-1);
  if (state.waiting === 0 || innermost?.constructor.name !== "UnwrapHandler") return undefined;
  const ask: unknown = Reflect.get(innermost, "onResponseStarted");
  if (typeof ask !== "function") return undefined;
  let found: UnmarkedCall | undefined;
  state.answer = (call) => void (found = call);
  try {
    Reflect.apply(ask, innermost, []);
  } finally {
    state.answer = undefined;
  }
  return found;
}

/** Marks the handler of a dispatch that is about to be made with the call that makes it. @returns the call */
export function markHandler(handler: unknown): HeldCall | undefined {
  if (unmarkedCalls().live === 0) return undefined;
  return attempt("egress", "a dispatch could not be marked with its call", () => callOfHandler(handler));
}

function markOf(handlers: readonly object[]): UnmarkedCall | undefined {
  for (const handler of handlers) {
    // why: only the package sets this property, in any of its copies
    const call = Reflect.get(handler, CALL_OF_HANDLER) as UnmarkedCall | undefined;
    if (call !== undefined) return call;
  }
  return undefined;
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
