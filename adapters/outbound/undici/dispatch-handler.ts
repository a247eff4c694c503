/** The methods of a handler that undici calls last, by the names of undici 6 and of 7 and 8. */
const LAST_CALLS: ReadonlySet<string | symbol> = new Set([
  "onComplete",
  "onError",
  "onUpgrade",
  "onResponseEnd",
  "onResponseError",
  "onRequestUpgrade",
]);

/**
 * A handler whose methods run in the scope that its request was dispatched in. undici calls them in a socket's async
 * context, which on a pool is another request's. From these methods, redirect and retry dispatch again.
 *
 * @param release called once the request is over and the handler was told
 */
export function inScopeOfDispatch<Handler>(
  handler: Handler,
  run: <T>(fn: () => T) => T,
  release: (() => void) | undefined,
): Handler {
  if (typeof handler !== "object" || handler === null) return handler;
  return new Proxy(Object.isExtensible(handler) ? handler : unfrozen(handler), {
    get(_target, name) {
      const member: unknown = Reflect.get(handler, name, handler);
      if (typeof member !== "function") return member;
      return (...args: unknown[]): unknown => {
        try {
          return run((): unknown => Reflect.apply(member, handler, args));
        } finally {
          if (LAST_CALLS.has(name)) release?.();
        }
      };
    },
  });
}

/** A substitute for a frozen object: a proxy must show a frozen target's own members unchanged. */
function unfrozen<T extends object>(frozen: T): T {
  const members = Object.entries(Object.getOwnPropertyDescriptors(frozen)).map(
    ([name, member]) => [name, { ...member, configurable: true }] as const,
  );
  // why: it has the frozen object's members and class
  return Object.create(Object.getPrototypeOf(frozen), Object.fromEntries(members)) as T;
}
