import { attempt, warnOnce } from "../checks/diagnostics.ts";
import { isThenable } from "../checks/thenable.ts";
import { withinTime } from "../checks/time-limit.ts";
import type { HttpExchange, ResponseCookie } from "../http/shapes.ts";

/** The experiment and subject whose variant a store keeps. */
export interface StickyKey {
  readonly key: string;
  readonly id: string;
  readonly subject: string;
  /** The request that is being served; undefined outside of one. */
  readonly exchange: HttpExchange | undefined;
}

/**
 * Keeps a subject in its variant when weights and coverage change: a Map, or any other store with text keys.
 * The name is `<experiment id>:<subject>`; `of` has its parts.
 */
export interface StickyStore {
  get(name: string, of: StickyKey): string | undefined | null | Promise<string | undefined | null>;
  set(name: string, variant: string, of: StickyKey): unknown;
  /**
   * For a store that knows visitors itself: the id of the request's visitor. It is the subject of every assignment of
   * the request, instead of the subject that the application gives, if any. Undefined: that subject counts.
   */
  visitor?(exchange: HttpExchange): string | undefined;
  /**
   * Called when a request arrives, before any handler. The response sets the returned cookie, unless a shared cache may
   * keep the response. Only for servers of node:http.
   */
  arrive?(exchange: HttpExchange): ResponseCookie | undefined;
}

/** A store is optional help, so a page does not wait for one that hangs. */
const STORE_TIME_LIMIT_MS = 250;

/** The variant in a store; undefined if it has none, fails or is late. Never rejects. */
export async function recall(store: StickyStore, of: StickyKey): Promise<string | undefined> {
  const outcome = await withinTime(STORE_TIME_LIMIT_MS, () => store.get(nameOf(of), of));
  if (outcome.kind === "value") return typeof outcome.value === "string" ? outcome.value : undefined;
  warn("get", outcome.kind === "error" ? outcome.error : undefined);
  return undefined;
}

/** Writes a variant to a store, and waits no longer than the limit. Never rejects. */
export async function remember(store: StickyStore, of: StickyKey, variant: string): Promise<void> {
  const outcome = await withinTime(STORE_TIME_LIMIT_MS, () => store.set(nameOf(of), variant, of));
  if (outcome.kind !== "value") warn("set", outcome.kind === "error" ? outcome.error : undefined);
}

/** The id of a request's visitor; undefined if the store knows none, or fails. Never throws. */
export function visitorOf(store: StickyStore | undefined, exchange: HttpExchange | undefined): string | undefined {
  if (store === undefined || exchange === undefined || typeof store.visitor !== "function") return undefined;
  return attempt("store", "the store's visitor failed, so the subject counts that the application gives", () => {
    const visitor: unknown = store.visitor?.(exchange);
    if (isThenable(visitor)) visitor.then(undefined, (error: unknown) => warn("visitor", error));
    return typeof visitor === "string" && visitor !== "" ? visitor : undefined;
  });
}

/** Tells a store of a request that arrived. Never throws. */
export function announce(store: StickyStore, exchange: HttpExchange): ResponseCookie | undefined {
  if (typeof store.arrive !== "function") return undefined;
  const cookie = attempt("store", "the store's arrive failed", () => store.arrive?.(exchange));
  return typeof cookie?.name === "string" && typeof cookie.line === "string" ? cookie : undefined;
}

function nameOf({ id, subject }: StickyKey): string {
  return `${id}:${subject}`;
}

function warn(method: "get" | "set" | "visitor", error: unknown): void {
  const what = error === undefined ? `took more than ${STORE_TIME_LIMIT_MS} ms` : "failed";
  warnOnce("store", `the store's ${method} ${what}, so a subject may not stay in its variant`, error);
}
