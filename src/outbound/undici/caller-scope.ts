import { AsyncResource } from "node:async_hooks";
import { processWide } from "../../process-wide.ts";
import type { RequestScope } from "../../scope/request-scope.ts";
import { callingScope } from "../calling-scope.ts";
import { buildOf, type UndiciBuild } from "./build.ts";
import { isDirectDispatch } from "./direct-dispatch.ts";
import { isNodesAgentUnlimited } from "./node-agent.ts";

/** The number of nested handlers that are searched: interceptors wrap handlers. */
const MAX_WRAPS = 8;

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

/** Whether a request whose handlers were not seen before is made in the context of the code that asked for it. */
function isInCallersContext(build: UndiciBuild, handlers: readonly object[]): boolean {
  const innermost = handlers.at(-1);
  if (innermost === undefined) return false;
  if (keepsContext(build) && isOfFetch(innermost) && handlers.every((each) => each === innermost || isFresh(each))) {
    return true;
  }
  return build.kind !== "unknown" && isDirectDispatch();
}

/** The handler of a request and the handlers within it, the outermost first, up to an async resource. */
function handlersOf(request: object, { handlerKey }: UndiciBuild): readonly object[] {
  const handlers: object[] = [];
  let handler: unknown = handlerKey === undefined ? undefined : Reflect.get(request, handlerKey);
  while (typeof handler === "object" && handler !== null && handlers.length < MAX_WRAPS) {
    handlers.push(handler);
    if (handler instanceof AsyncResource) break;
    handler = Reflect.get(handler, "handler");
  }
  return handlers;
}

/** Whether fetch's requests are made in fetch's context: the pool lets none wait, or binds those that wait. */
function keepsContext({ kind, bindsQueue }: UndiciBuild): boolean {
  return kind === "built-in" ? isNodesAgentUnlimited() : bindsQueue;
}

/** Whether a handler of undici's retry or redirect has not dispatched again yet. */
function isFresh(handler: object): boolean {
  const history: unknown = Reflect.get(handler, "history");
  return Reflect.get(handler, "retryCount") === 0 || (Array.isArray(history) && history.length === 0);
}

/** The key of a handler. An interceptor may copy fetch's handler for each try; the copies share `onResponseStarted`. */
function identityOf(handler: object): object {
  const shared: unknown = isOfFetch(handler) ? Reflect.get(handler, "onResponseStarted") : undefined;
  return typeof shared === "function" ? shared : handler;
}

/** fetch makes a plain object for each dispatch, with properties that other handlers do not have. */
function isOfFetch(handler: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(handler);
  if (typeof prototype !== "object" || prototype === null || Object.getPrototypeOf(prototype) !== null) return false;
  return Object.hasOwn(handler, "abort") && Object.hasOwn(handler, "body");
}
