import { EventEmitter } from "node:events";
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

/** Called before the listeners of each event of an emitter. The result is called after them. */
export type BeforeEvent = (emitter: Emitter, event: string | symbol, request: object) => (() => void) | undefined;

/** What `emitInScope` knows of an emitter. */
interface Binding {
  /** The emitter's method before it was bound. */
  readonly emit: Emitter["emit"];
  readonly request: object;
  readonly before: BeforeEvent | undefined;
}

/** The property of an emitter that holds its binding. Another copy of the package has a property of its own. */
const BINDING = Symbol("otel-experiments.emitter");

interface BoundEmitter extends Emitter {
  [BINDING]?: Binding;
}

/**
 * Runs all listeners of an emitter in the scope of its request. Node emits from the socket's async context, in which
 * `data`, `end`, `finish`, `close` and the code after them would have no scope. The core changes nothing else on a
 * request or a response, except that it sets the scope on the request.
 *
 * All emitters get the same function. If each had a function of its own, V8 would keep each request alive through the
 * next scavenges.
 */
export function bindEmitter(emitter: Emitter, request: object, before?: BeforeEvent): void {
  const bound: BoundEmitter = emitter;
  const { emit } = bound;
  if (typeof emit !== "function") return;
  bound[BINDING] = { emit, request, before };
  bound.emit = emitInScope;
}

function emitInScope(this: BoundEmitter, event: string | symbol, ...args: unknown[]): boolean {
  const binding = this[BINDING];
  // Someone has put the function on another emitter.
  if (binding === undefined) return EventEmitter.prototype.emit.call(this, event, ...args);
  const { emit, request, before } = binding;
  const after = before?.(this, event, request);
  try {
    const scope = isHeard(this, event) ? getScope(request) : undefined;
    return scope === undefined || (scopeStorage().getStore() === scope && latestScope() === scope)
      ? emit.call(this, event, ...args)
      : runWithin(scope, () => emit.call(this, event, ...args));
  } finally {
    after?.();
  }
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
