import type { OpenRequest } from "./inbound-request.ts";

/**
 * Runs the rest of a request in its scope, when the experiments of the adapter's option `assign` are decided. Without
 * anything to wait for, it runs at once, and the result is that of `fn`.
 */
export function runAssigned<T>({ assigned, run }: OpenRequest, fn: () => T): T | Promise<Awaited<T>> {
  // why: `then` gives the awaited result of `run`
  return assigned === undefined ? run(fn) : (assigned.then(() => run(fn)) as Promise<Awaited<T>>);
}

/** The same for a framework whose middleware goes on by a callback. An error that the callback throws is given to it. */
export function continueAssigned({ assigned, run }: OpenRequest, proceed: (error?: Error) => void): void {
  if (assigned === undefined) run(proceed);
  else assigned.then(() => run(proceed)).catch(proceed);
}
