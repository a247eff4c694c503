import { EventEmitter } from "node:events";
import { context } from "@opentelemetry/api";
import { getRPCMetadata } from "@opentelemetry/core";
import { scopeStorage } from "../scope/current.ts";
import { latestScope } from "../scope/finding.ts";
import { getScope } from "../scope/holder.ts";
import type { RequestScope } from "../scope/request-scope.ts";
import { runPlaced } from "../scope/running.ts";

/** A request or a response, as far as it emits events. */
export interface Emitter {
  emit(event: string | symbol, ...args: unknown[]): boolean;
  listenerCount?(event: string | symbol): number;
  rawListeners?(event: string | symbol): readonly { readonly name: string }[];
}

/** Called before the listeners of each event of an emitter. The result is called after them. */
export type BeforeEvent = (emitter: Emitter, event: string | symbol, request: object) => (() => void) | undefined;

/** What `emitInScope` knows of an emitter. */
interface Binding {
  /** Whether an instrumentation runs the listeners in its own context, which leads to the scope. */
  readonly isFollowed: boolean;
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
 * If an instrumentation has made the server span, it has bound the listeners to its context, which leads to the scope:
 * then nothing more is needed.
 *
 * All emitters get the same function. If each had a function of its own, V8 would keep each request alive through the
 * next scavenges.
 */
export function bindEmitter(emitter: Emitter, request: object, before?: BeforeEvent): void {
  const bound: BoundEmitter = emitter;
  const { emit } = bound;
  if (typeof emit !== "function") return;
  const isFollowed = isBoundByInstrumentation(emitter);
  if (isFollowed && before === undefined) return;
  bound[BINDING] = { isFollowed, emit, request, before };
  bound.emit = emitInScope;
}

/** OpenTelemetry's context managers bind an emitter by methods of its own (`context.bind`). */
function isBoundByInstrumentation(emitter: Emitter): boolean {
  return Object.hasOwn(emitter, "on") && getRPCMetadata(context.active()) !== undefined;
}

function emitInScope(this: BoundEmitter, event: string | symbol, ...args: unknown[]): boolean {
  const binding = this[BINDING];
  // Someone has put the function on another emitter.
  if (binding === undefined) return EventEmitter.prototype.emit.call(this, event, ...args);
  const after = binding.before?.(this, event, binding.request);
  const scope = !binding.isFollowed && isHeard(this, event) ? getScope(binding.request) : undefined;
  if (after !== undefined) return emitAndThen(binding, scope, [this, event, args], after);
  if (scope === undefined || isCurrent(scope)) return emitAsBefore(binding, this, event, args);
  return runWithin(scope, binding.emit, [this, event, args]);
}

/** Without a spread for the usual numbers of arguments: it would copy them. */
function emitAsBefore({ emit }: Binding, emitter: Emitter, event: string | symbol, args: readonly unknown[]): boolean {
  switch (args.length) {
    case 0:
      return emit.call(emitter, event);
    case 1:
      return emit.call(emitter, event, args[0]);
    default:
      return emit.call(emitter, event, ...args);
  }
}

/** The emitter, the event and its other arguments. */
type Emission = readonly [emitter: Emitter, event: string | symbol, args: readonly unknown[]];

function emitAndThen(
  { emit }: Binding,
  scope: RequestScope | undefined,
  emission: Emission,
  after: () => void,
): boolean {
  try {
    if (scope !== undefined && !isCurrent(scope)) return runWithin(scope, emit, emission);
    const [emitter, event, args] = emission;
    return emit.call(emitter, event, ...args);
  } finally {
    after();
  }
}

function isCurrent(scope: RequestScope): boolean {
  return scopeStorage().getStore() === scope && latestScope() === scope;
}

/** The listeners that Node itself adds to each request and response. They need no scope. */
const OF_NODE: ReadonlySet<string> = new Set(["bound resOnFinish", "clearIncoming"]);

/** Most events have no listener, or Node's alone. Errors without a listener are thrown all the same. */
function isHeard(emitter: Emitter, event: string | symbol): boolean {
  if (emitter.listenerCount === undefined || event === "error") return true;
  const count = emitter.listenerCount(event);
  if (count !== 1 || (event !== "finish" && event !== "end") || emitter.rawListeners === undefined) return count > 0;
  const [listener] = emitter.rawListeners(event);
  return listener === undefined || !OF_NODE.has(listener.name);
}

/** Also in the context of a created server span. An instrumentation binds the emitters to its own context itself. */
function runWithin(scope: RequestScope, emit: Emitter["emit"], [emitter, event, args]: Emission): boolean {
  const { selfMeasured } = scope;
  const emitNow = (): boolean => emit.call(emitter, event, ...args);
  return selfMeasured === undefined ? runPlaced(scope, emitNow) : selfMeasured.within(() => runPlaced(scope, emitNow));
}
