import { scopeStorage } from "../scope/current.ts";
import { getScope } from "../scope/holder.ts";
import type { RequestScope } from "../scope/request-scope.ts";

/** What we use of a request or a response: that it emits. */
export interface Emitter {
  emit(event: string | symbol, ...args: unknown[]): boolean;
}

/**
 * Lets everything that an emitter emits run in the scope of its request. Node emits from the socket's async context, so
 * that `data`, `end`, `finish`, `close` and all that follows them would have none. This is the one thing that
 * the core changes on a request or a response, beside noting the scope on the request. `before` is called in front of the
 * listeners of each event, and what it gives behind them.
 */
export function bindEmitter(
  emitter: Emitter,
  request: object,
  before?: (event: string | symbol) => (() => void) | undefined,
): void {
  const scopes = scopeStorage();
  const { emit } = emitter;
  if (typeof emit !== "function") return;
  emitter.emit = function emitInScope(event, ...args) {
    const scope = getScope(request);
    const after = before?.(event);
    try {
      return scope === undefined || scopes.getStore() === scope
        ? Reflect.apply(emit, this, [event, ...args])
        : scopes.run(scope, () => withinSpan(scope, () => Reflect.apply(emit, this, [event, ...args])));
    } finally {
      after?.();
    }
  };
}

/** In OpenTelemetry's context of a server span of ours, too; an instrumentation's own binds the emitters by itself. */
function withinSpan<T>({ selfMeasured }: RequestScope, fn: () => T): T {
  return selfMeasured === undefined ? fn() : selfMeasured.within(fn);
}
