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

/** What stands for a frozen object: a proxy may not show other members than a frozen target has. */
function unfrozen<T extends object>(frozen: T): T {
  const members = Object.entries(Object.getOwnPropertyDescriptors(frozen)).map(
    ([name, member]) => [name, { ...member, configurable: true }] as const,
  );
  // why: it has the members and the class of the frozen one
  return Object.create(Object.getPrototypeOf(frozen), Object.fromEntries(members)) as T;
}
