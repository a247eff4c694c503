import { scopeStorage } from "../scope/current.ts";
import { latestScope } from "../scope/finding.ts";
import { getScope } from "../scope/holder.ts";
import type { RequestScope } from "../scope/request-scope.ts";
import { runPlaced } from "../scope/running.ts";

/** A request or a response, as far as it emits events. */
export interface Emitter {
  emit(event: string | symbol, ...args: unknown[]): boolean;
}

/**
 * Runs all listeners of an emitter in the scope of its request. Node emits from the socket's async context, in which
 * `data`, `end`, `finish`, `close` and the code after them would have no scope. The core changes nothing else on a
 * request or a response, except that it sets the scope on the request.
 *
 * @param before called before the listeners of each event; its result is called after them
 */
export function bindEmitter(
  emitter: Emitter,
  request: object,
  before?: (event: string | symbol) => (() => void) | undefined,
): void {
  const { emit } = emitter;
  if (typeof emit !== "function") return;
  emitter.emit = function emitInScope(event, ...args) {
    const scope = getScope(request);
    const after = before?.(event);
    try {
      return scope === undefined || (scopeStorage().getStore() === scope && latestScope() === scope)
        ? Reflect.apply(emit, this, [event, ...args])
        : runWithin(scope, () => Reflect.apply(emit, this, [event, ...args]));
    } finally {
      after?.();
    }
  };
}

/** Also in the context of a created server span. An instrumentation binds the emitters to its own context itself. */
function runWithin<T>(scope: RequestScope, fn: () => T): T {
  const { selfMeasured } = scope;
  return selfMeasured === undefined ? runPlaced(scope, fn) : selfMeasured.within(() => runPlaced(scope, fn));
}
