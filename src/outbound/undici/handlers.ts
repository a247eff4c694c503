import { AsyncResource } from "node:async_hooks";
import { CALL_OF_HANDLER } from "../unmarked-call.ts";

/** The number of nested handlers that are searched: interceptors wrap handlers. */
const MAX_WRAPS = 8;

/** A handler and the handlers within it, the outermost first, up to an async resource. */
export function handlersWithin(outermost: unknown): readonly object[] {
  const handlers: object[] = [];
  let handler: unknown = outermost;
  while (typeof handler === "object" && handler !== null && handlers.length < MAX_WRAPS) {
    handlers.push(handler);
    if (handler instanceof AsyncResource) break;
    handler = Reflect.get(handler, "handler");
  }
  return handlers;
}

/** fetch makes a plain object for each dispatch, with properties that other handlers do not have. */
export function isOfFetch(handler: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(handler);
  if (typeof prototype !== "object" || prototype === null || Object.getPrototypeOf(prototype) !== null) return false;
  return Object.hasOwn(handler, "abort") && Object.hasOwn(handler, "body");
}

/** Whether it holds the handler of undici's `request`, `stream`, `pipeline` or `fetch`: undici 7 wraps these for layers. */
export function isWrapped(handler: object): boolean {
  return handler.constructor.name === "WrapHandler";
}

/** Whether a handler of undici's retry or redirect has not dispatched again yet. The package's own never does. */
export function isFresh(handler: object): boolean {
  if (isOurs(handler)) return true;
  const history: unknown = Reflect.get(handler, "history");
  return Reflect.get(handler, "retryCount") === 0 || (Array.isArray(history) && history.length === 0);
}

/** Whether it is the package's own, which runs the handler within it in the scope of its dispatch. */
function isOurs(handler: object): boolean {
  return CALL_OF_HANDLER in handler;
}

/** Whether it is a handler of undici's retry or redirect. */
function isRepeating(handler: object): boolean {
  return typeof Reflect.get(handler, "retryCount") === "number" || Array.isArray(Reflect.get(handler, "history"));
}

/**
 * Whether a layer that answers or shares requests, such as a cache, may have passed this handler on. False if it is the
 * handler of undici's `request`, `stream`, `pipeline` or `fetch`, or undici's redirect and retry around it. undici 7 puts
 * the former into a `WrapHandler` before the first interceptor.
 */
export function isBehindLayers(handler: unknown): boolean {
  if (handler instanceof AsyncResource) return false;
  const handlers = handlersWithin(handler);
  const innermost = handlers.at(-1);
  if (innermost === undefined) return true;
  const isApi = innermost instanceof AsyncResource || isOfFetch(innermost) || isWrapped(innermost);
  return !isApi || !handlers.every((each) => each === innermost || isOurs(each) || isRepeating(each));
}
