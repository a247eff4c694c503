/** The last calls of a handler, by the names of undici 6 and those of 7 and 8. */
const LAST_CALLS: ReadonlySet<string | symbol> = new Set([
  "onComplete",
  "onError",
  "onUpgrade",
  "onResponseEnd",
  "onResponseError",
  "onRequestUpgrade",
]);

/**
 * A handler whose calls run in the scope that its request was dispatched in. undici makes them from a socket's async
 * context, which on a pool is another request's; and from them redirect and retry dispatch again.
 *
 * @param release called once the request is over and the handler knows
 */
export function inScopeOfDispatch<Handler>(
  handler: Handler,
  run: <T>(fn: () => T) => T,
  release: (() => void) | undefined,
): Handler {
  if (typeof handler !== "object" || handler === null) return handler;
  return new Proxy(handler, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      return (...args: unknown[]): unknown => {
        try {
          return run((): unknown => Reflect.apply(member, target, args));
        } finally {
          if (LAST_CALLS.has(name)) release?.();
        }
      };
    },
  });
}
