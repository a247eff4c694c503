import { answersWith, CALL_OF_HANDLER, type UnmarkedCall } from "../../../src/adapter.ts";

/** The methods of a handler that undici calls last, by the names of undici 6 and of 7 and 8. */
const LAST_CALLS: ReadonlySet<string | symbol> = new Set([
  "onComplete",
  "onError",
  "onUpgrade",
  "onResponseEnd",
  "onResponseError",
  "onRequestUpgrade",
]);

/** The methods that undici gives the headers of a response, and the place of these among the arguments. */
const HEADERS_AT: ReadonlyMap<string | symbol, number> = new Map([
  ["onHeaders", 1],
  ["onResponseStart", 2],
]);

/** The scope that a request was dispatched in. */
interface DispatchScope {
  readonly run: <T>(fn: () => T) => T;
  /** Called once the request is over and the handler was told. */
  readonly release?: () => void;
  /** The call of a request whose headers do not show it. */
  readonly call?: UnmarkedCall | undefined;
  /** Called with the headers of the response. */
  readonly guard?: ((headers: unknown) => void) | undefined;
}

/**
 * A handler whose methods run in the scope that its request was dispatched in. undici calls them in a socket's async
 * context, which on a pool is another request's. From these methods, redirect and retry dispatch again.
 */
export function inScopeOfDispatch<Handler extends object>(handler: Handler, scope: DispatchScope): Handler {
  // A proxy must show a target's own members unchanged if they are fixed, as in a frozen handler. So it has none.
  // why: the traps show the handler
  return new Proxy({}, new HandlerTraps(handler, scope)) as Handler;
}

/** The traps of a proxy for a handler. */
class HandlerTraps implements ProxyHandler<object> {
  readonly #handler: object;
  readonly #scope: DispatchScope;

  constructor(handler: object, scope: DispatchScope) {
    this.#handler = handler;
    this.#scope = scope;
  }

  get(_target: object, name: string | symbol): unknown {
    const handler = this.#handler;
    const { run, release, call, guard } = this.#scope;
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
