import { warnOnce } from "../checks/diagnostics.ts";
import { withinTime } from "../checks/time-limit.ts";
import type { HttpExchange } from "../http/shapes.ts";

/** Whose variant a store is asked for. */
export interface StickyKey {
  readonly key: string;
  readonly id: string;
  readonly subject: string;
  /** The request that is being served; undefined outside of one. */
  readonly exchange: HttpExchange | undefined;
}

/**
 * Keeps a subject in its variant, whatever becomes of weights and coverage: a Map, or anything that is asked by text.
 * The name is `<experiment id>:<subject>`; what it is made of stands beside it.
 */
export interface StickyStore {
  get(name: string, of: StickyKey): string | undefined | null | Promise<string | undefined | null>;
  set(name: string, variant: string, of: StickyKey): unknown;
}

/** A store is there to help; a page does not wait for one that hangs. */
const STORE_TIME_LIMIT_MS = 250;

/** What a store has; undefined where it has nothing, fails or is late. Never rejects. */
export async function recall(store: StickyStore, of: StickyKey): Promise<string | undefined> {
  const outcome = await withinTime(STORE_TIME_LIMIT_MS, () => store.get(nameOf(of), of));
  if (outcome.kind === "value") return typeof outcome.value === "string" ? outcome.value : undefined;
  say("asked", outcome.kind === "error" ? outcome.error : undefined);
  return undefined;
}

/** Tells a store, and waits for it no longer than the limit. Never rejects. */
export async function remember(store: StickyStore, of: StickyKey, variant: string): Promise<void> {
  const outcome = await withinTime(STORE_TIME_LIMIT_MS, () => store.set(nameOf(of), variant, of));
  if (outcome.kind !== "value") say("told", outcome.kind === "error" ? outcome.error : undefined);
}

function nameOf({ id, subject }: StickyKey): string {
  return `${id}:${subject}`;
}

function say(verb: string, error: unknown): void {
  const what = error === undefined ? `took more than ${STORE_TIME_LIMIT_MS} ms` : "failed";
  warnOnce("store", `the store ${what} when it was ${verb}, so a subject may not stay in its variant`, error);
}
