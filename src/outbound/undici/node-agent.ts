/** The properties by which undici's copies share the dispatcher of fetch. The version decides which one fetch reads. */
const NEWER_PLACE = Symbol.for("undici.globalDispatcher.2");
const OLDER_PLACE = Symbol.for("undici.globalDispatcher.1");

let newer: unknown;
let older: unknown;
let unlimited = true;

/**
 * Whether the dispatcher of the built-in fetch opens a connection for each request, so that none waits. Node's own has
 * no limit, but the application can replace it.
 */
export function isNodesAgentUnlimited(): boolean {
  const nowNewer: unknown = Reflect.get(globalThis, NEWER_PLACE);
  const nowOlder: unknown = Reflect.get(globalThis, OLDER_PLACE);
  if (nowNewer !== newer || nowOlder !== older) {
    [newer, older] = [nowNewer, nowOlder];
    unlimited = !hasLimit(newer) && !hasLimit(older);
  }
  return unlimited;
}

/** undici keeps an Agent's options under a symbol of that name. */
function hasLimit(dispatcher: unknown): boolean {
  if (typeof dispatcher !== "object" || dispatcher === null) return false;
  const key = Object.getOwnPropertySymbols(dispatcher).find(({ description }) => description === "options");
  const options: unknown = key === undefined ? undefined : Reflect.get(dispatcher, key);
  if (typeof options !== "object" || options === null || !("connections" in options)) return false;
  return options.connections !== undefined && options.connections !== null;
}
