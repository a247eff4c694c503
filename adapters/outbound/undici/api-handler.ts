import { AsyncResource } from "node:async_hooks";
import { types } from "node:util";
import { answersWith, CALL_OF_HANDLER, type HeldCall, isMadeHere, rememberScope } from "../../../src/adapter.ts";
import { type DispatchScope, LAST_CALLS } from "./dispatch-scope.ts";

type Run = <T>(fn: () => T) => T;

/**
 * A handler of undici's API, whose methods run in the scope that its request was dispatched in. It costs a small part of a
 * proxy, and has only what a dispatcher calls.
 */
class ApiHandler {
  /** Found by this name, as the handlers within undici's own. */
  readonly handler: object;
  readonly [CALL_OF_HANDLER]: HeldCall | undefined;
  release: (() => void) | undefined;
  /** Undefined if the handler itself knows its scope. */
  readonly run: Run | undefined;

  constructor(handler: object, { call, release }: DispatchScope, run: Run | undefined) {
    this.handler = handler;
    this[CALL_OF_HANDLER] = call;
    this.release = release;
    this.run = run;
  }

  /** A handler is asked for its call by this method. */
  get onResponseStarted(): Method | undefined {
    return answersWith(this[CALL_OF_HANDLER]) || !("onResponseStarted" in this.handler) ? undefined : responseStarted;
  }
}

type Method = (this: ApiHandler, ...args: unknown[]) => unknown;

const responseStarted = methodOf("onResponseStarted");

type Wrapper = typeof ApiHandler;

/** The wrappers by the prototypes of handlers; null if a prototype is not one of undici's API. */
const wrappers = new WeakMap<object, Wrapper | null>();

/** Undefined for every handler that may have more than its class has. */
export function wrapApiHandler<Handler extends object>(handler: Handler, scope: DispatchScope): Handler | undefined {
  if (types.isProxy(handler)) return undefined;
  const prototype: unknown = Object.getPrototypeOf(handler);
  if (typeof prototype !== "object" || prototype === null) return undefined;
  let Wrapper = wrappers.get(prototype);
  if (Wrapper === undefined) {
    Wrapper = makeWrapper(prototype) ?? null;
    wrappers.set(prototype, Wrapper);
  }
  if (Wrapper === null || hasMethods(handler)) return undefined;
  const knowsScope = scope.run === undefined && handler instanceof AsyncResource && isMadeHere(handler);
  // why: it has the methods of the handler
  return new Wrapper(handler, scope, knowsScope ? undefined : (scope.run ?? rememberScope())) as object as Handler;
}

/** Whether an object has methods of a handler that are not its class's. */
function hasMethods(handler: object): boolean {
  for (const name in handler) if (isHandlers(name) && typeof Reflect.get(handler, name) === "function") return true;
  return false;
}

function isHandlers(name: string): boolean {
  return name.startsWith("on");
}

/** undici's API makes handlers that are async resources; undici 7 puts them into a `WrapHandler`. */
function makeWrapper(prototype: object): Wrapper | undefined {
  const parent: unknown = Object.getPrototypeOf(prototype);
  const isWrap = parent === Object.prototype && prototype.constructor.name === "WrapHandler";
  if (parent !== AsyncResource.prototype && !isWrap) return undefined;
  const made = class extends ApiHandler {};
  for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
    if (!isHandlers(name) || name === "onResponseStarted") continue;
    if (typeof value !== "function") return undefined;
    Object.defineProperty(made.prototype, name, { value: methodOf(name), writable: true, configurable: true });
  }
  return made;
}

function methodOf(name: string): Method {
  if (!LAST_CALLS.has(name)) {
    return function (...args) {
      return callIn(this, name, args);
    };
  }
  return function (...args) {
    try {
      return callIn(this, name, args);
    } finally {
      this.release?.();
      // Dead requests may wait long for their collection.
      this.release = undefined;
    }
  };
}

function callIn({ handler, run }: ApiHandler, name: string, args: unknown[]): unknown {
  // why: it is a method of the handler's class
  const method = Reflect.get(handler, name) as () => unknown;
  if (run !== undefined) return run((): unknown => Reflect.apply(method, handler, args));
  // why: without `run` it is an async resource
  return (handler as AsyncResource).runInAsyncScope(method, handler, ...(args as []));
}
