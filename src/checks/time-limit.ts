import { isThenable } from "./thenable.ts";

/** The result of work under a time limit. */
export type TimedOutcome<T> =
  | { readonly kind: "value"; readonly value: T }
  | { readonly kind: "error"; readonly error: unknown }
  | { readonly kind: "timeout" };

/**
 * Starts work that may fail or hang, and waits no longer than a limit. When the limit is reached, the signal is aborted;
 * a later result or error is ignored. Always settles, never rejects, keeps a process alive no longer than the limit.
 */
export async function withinTime<T>(
  limitMs: number,
  work: (signal: AbortSignal) => T | Promise<T>,
): Promise<TimedOutcome<T>> {
  const aborting = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  try {
    const pending = work(aborting.signal);
    if (!isThenable(pending)) return { kind: "value", value: pending };
    // The `then` of a foreign thenable may return something other than a promise.
    const outcome = Promise.resolve(pending).then(
      (value): TimedOutcome<T> => ({ kind: "value", value }),
      (error: unknown): TimedOutcome<T> => ({ kind: "error", error }),
    );
    const timeout = new Promise<TimedOutcome<T>>((resolve) => {
      timer = setTimeout(() => resolve({ kind: "timeout" }), limitMs);
    });
    const first = await Promise.race([outcome, timeout]);
    if (first.kind === "timeout") aborting.abort(new DOMException("the time limit was reached", "TimeoutError"));
    return first;
  } catch (error) {
    return { kind: "error", error };
  } finally {
    clearTimeout(timer);
  }
}
