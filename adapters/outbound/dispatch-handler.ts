/** The last calls of a handler, by the names of undici 6 and those of 7 and 8. */
const LAST_CALLS: ReadonlySet<string | symbol> = new Set([
  "onComplete",
  "onError",
  "onUpgrade",
  "onResponseEnd",
  "onResponseError",
  "onRequestUpgrade",
]);

/** How many interceptors may stand around ours. */
const MAX_DEPTH = 16;

/**
 * The handlers among a request's that may dispatch it again, as those of undici's redirect and retry do, by a
 * `dispatch` of their own. They are the same for each hop and each attempt, and so say which request it belongs to; the
 * async context does not, since they dispatch from the socket's.
 */
export function repeatersOf(handler: unknown): readonly object[] {
  const repeaters: object[] = [];
  let each = handler;
  for (let depth = 0; depth < MAX_DEPTH && typeof each === "object" && each !== null; depth++) {
    if ("dispatch" in each && typeof each.dispatch === "function") repeaters.push(each);
    each = "handler" in each ? each.handler : undefined;
  }
  return repeaters;
}

/** The handler, which calls `release` when its request is over. */
export function releasing<Handler>(handler: Handler, release: () => void): Handler {
  if (typeof handler !== "object" || handler === null) return handler;
  return new Proxy(handler, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      return (...args: unknown[]): unknown => {
        if (LAST_CALLS.has(name)) release();
        return Reflect.apply(member, target, args);
      };
    },
  });
}
