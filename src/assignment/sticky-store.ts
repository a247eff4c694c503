import { warnOnce } from "../checks/diagnostics.ts";
import { withinTime } from "../checks/time-limit.ts";
import type { HttpExchange } from "../http/shapes.ts";

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

function nameOf({ id, subject }: StickyKey): string {
  return `${id}:${subject}`;
}

function warn(method: "get" | "set", error: unknown): void {
  const what = error === undefined ? `took more than ${STORE_TIME_LIMIT_MS} ms` : "failed";
  warnOnce("store", `the store's ${method} ${what}, so a subject may not stay in its variant`, error);
}
