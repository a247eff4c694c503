import { scopeStorage } from "../scope/current.ts";
import { latestScope } from "../scope/finding.ts";
import { getScope } from "../scope/holder.ts";
import type { RequestScope } from "../scope/request-scope.ts";
import { runPlaced } from "../scope/running.ts";

/** A request or a response, as far as it emits events. */
export interface Emitter {
  emit(event: string | symbol, ...args: unknown[]): boolean;
  listenerCount?(event: string | symbol): number;
}

/**
 * Runs all listeners of an emitter in the scope of its request. Node emits from the socket's async context, in which
 * `data`, `end`, `finish`, `close` and the code after them would have no scope. The core changes nothing else on a
 * request or a response, except that it sets the scope on the request.
 *
 * @param before called before the listeners of each event; its result is called after them
 */
export function bindEmitter<E extends Emitter>(
  emitter: E,
  request: object,
  before?: (event: string | symbol, emitter: E, request: object) => (() => void) | undefined,
): void {
  const { emit } = emitter;
  if (typeof emit !== "function") return;
  emitter.emit = function emitInScope(event, ...args) {
    const after = before?.(event, emitter, request);
    try {
      const scope = isHeard(this, event) ? getScope(request) : undefined;
      return scope === undefined || (scopeStorage().getStore() === scope && latestScope() === scope)
        ? emit.call(this, event, ...args)
        : runWithin(scope, () => emit.call(this, event, ...args));
    } finally {
      after?.();
    }
  };
}

/** Most events have no listener, and then nothing runs. Errors without a listener are thrown all the same. */
function isHeard(emitter: Emitter, event: string | symbol): boolean {
  return emitter.listenerCount === undefined || emitter.listenerCount(event) > 0 || event === "error";
}

/** Also in the context of a created server span. An instrumentation binds the emitters to its own context itself. */
function runWithin<T>(scope: RequestScope, fn: () => T): T {
  const { selfMeasured } = scope;
  return selfMeasured === undefined ? runPlaced(scope, fn) : selfMeasured.within(() => runPlaced(scope, fn));
}
