import { answersWith, CALL_OF_HANDLER, rememberScope } from "../../../src/adapter.ts";
import { wrapApiHandler } from "./api-handler.ts";
import { type DispatchScope, LAST_CALLS } from "./dispatch-scope.ts";

/** The methods that undici gives the headers of a response, and the place of these among the arguments. */
const HEADERS_AT: ReadonlyMap<string | symbol, number> = new Map([
  ["onHeaders", 1],
  ["onResponseStart", 2],
]);

/**
 * A handler whose methods run in the scope that its request was dispatched in. undici calls them in a socket's async
 * context, which on a pool is another request's. From these methods, redirect and retry dispatch again.
 */
export function inScopeOfDispatch<Handler extends object>(handler: Handler, scope: DispatchScope): Handler {
  const wrapped = scope.guard === undefined ? wrapApiHandler(handler, scope) : undefined;
  if (wrapped !== undefined) return wrapped;
  // A proxy must show a target's own members unchanged if they are fixed, as in a frozen handler. So it has none.
  // why: the traps show the handler
  return new Proxy({}, new HandlerTraps(handler, scope)) as Handler;
}

/** The traps of a proxy for a handler. */
class HandlerTraps implements ProxyHandler<object> {
  readonly #handler: object;
  readonly #scope: DispatchScope;
  readonly #run: <T>(fn: () => T) => T;

  constructor(handler: object, scope: DispatchScope) {
    this.#handler = handler;
    this.#scope = scope;
    this.#run = scope.run ?? rememberScope();
  }

  get(_target: object, name: string | symbol): unknown {
    const handler = this.#handler;
    const run = this.#run;
    const { release, call, guard } = this.#scope;
    if (name === CALL_OF_HANDLER && call !== undefined) return call;
    if (name === "onResponseStarted" && answersWith(call)) return undefined;
    const member: unknown = Reflect.get(handler, name);
    if (typeof member !== "function" || name === "constructor") return member;
    const at = guard === undefined ? undefined : HEADERS_AT.get(name);
    return (...args: unknown[]): unknown => {
      try {
        if (at !== undefined) guard?.(args[at]);
        return run((): unknown => Reflect.apply(member, handler, args));
      } finally {
        if (LAST_CALLS.has(name)) release?.();
      }
    };
  }

  set(_target: object, name: string | symbol, value: unknown): boolean {
    return Reflect.set(this.#handler, name, value);
  }

  has(_target: object, name: string | symbol): boolean {
    return Reflect.has(this.#handler, name);
  }

  ownKeys(): (string | symbol)[] {
    return Reflect.ownKeys(this.#handler);
  }

  getOwnPropertyDescriptor(_target: object, name: string | symbol): PropertyDescriptor | undefined {
    const descriptor = Reflect.getOwnPropertyDescriptor(this.#handler, name);
    return descriptor && { ...descriptor, configurable: true };
  }

  getPrototypeOf(): object | null {
    return Reflect.getPrototypeOf(this.#handler);
  }
}
