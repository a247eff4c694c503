import { EventEmitter } from "node:events";
import { context } from "@opentelemetry/api";
import { getRPCMetadata } from "@opentelemetry/core";
import { scopeStorage } from "../scope/current.ts";
import { latestScope } from "../scope/finding.ts";
import { getScope } from "../scope/holder.ts";
import type { RequestScope } from "../scope/request-scope.ts";
import { runPlaced } from "../scope/running.ts";
import { type AnsweringResponse, endRequest, outcomeOf } from "./request-end.ts";

/** A request or a response, as far as it emits events. */
export interface Emitter {
  emit(event: string | symbol, ...args: unknown[]): boolean;
  listenerCount?(event: string | symbol): number;
  rawListeners?(event: string | symbol): readonly { readonly name: string }[];
}

/** The property of an emitter that holds its own `emit` from before, if it had one. Each copy of the package has its own. */
const EMIT = Symbol("otel-experiments.emit");

/** The property of a response that holds its request, whose scope counts. */
const REQUEST = Symbol("otel-experiments.request");

interface BoundEmitter extends Emitter {
  [EMIT]?: Emitter["emit"];
  [REQUEST]?: object;
}

// All emitters get the same functions. If each had a function of its own, V8 would keep each request alive through the
// next scavenges.

/**
 * Runs all listeners of a request in its scope. Node emits from the socket's async context, in which `data`, `end`,
 * `close` and the code after them would have no scope. The core changes nothing else on a request or a response, except
 * that it sets the scope on the request.
 *
 * If an instrumentation has made the server span, it has bound the listeners to its context, which leads to the scope:
 * then nothing more is needed.
 */
export function bindRequest(request: Emitter): void {
  if (typeof request.emit === "function" && !isBoundByInstrumentation(request)) replaceEmit(request, emitOfRequest);
}

/** The same for the response of a request. Its `finish` and `close` end the request after their listeners. */
export function bindResponse(response: Emitter & AnsweringResponse, request: object): void {
  const bound: BoundEmitter = response;
  if (typeof response.emit !== "function") return;
  const isBound = bound[REQUEST] !== undefined;
  bound[REQUEST] = request;
  if (!isBound) replaceEmit(response, isBoundByInstrumentation(response) ? emitOfFollowedResponse : emitOfResponse);
}

function replaceEmit(emitter: BoundEmitter, emit: Emitter["emit"]): void {
  if (emitter.emit !== EventEmitter.prototype.emit) emitter[EMIT] = emitter.emit;
  emitter.emit = emit;
}

function emitBefore(emitter: BoundEmitter): Emitter["emit"] {
  return emitter[EMIT] ?? EventEmitter.prototype.emit;
}

/** OpenTelemetry's context managers bind an emitter by methods of its own (`context.bind`). */
function isBoundByInstrumentation(emitter: Emitter): boolean {
  return Object.hasOwn(emitter, "on") && getRPCMetadata(context.active()) !== undefined;
}

function emitOfRequest(this: BoundEmitter, event: string | symbol, ...args: unknown[]): boolean {
  const scope = isHeard(this, event) ? getScope(this) : undefined;
  if (scope === undefined || isCurrent(scope)) return emitBefore(this).call(this, event, ...args);
  return runWithin(scope, this, event, args);
}

function emitOfResponse(this: BoundEmitter & AnsweringResponse, event: string | symbol, ...args: unknown[]): boolean {
  const scope = event === "close" || event === "finish" || isHeard(this, event) ? scopeOf(this) : undefined;
  if (scope === undefined) return emitBefore(this).call(this, event, ...args);
  if (isEnd(this, event, scope)) return emitEnd(this, event, args, isHeard(this, event) ? scope : undefined);
  if (!isHeard(this, event) || isCurrent(scope)) return emitBefore(this).call(this, event, ...args);
  return runWithin(scope, this, event, args);
}

function emitOfFollowedResponse(
  this: BoundEmitter & AnsweringResponse,
  event: string | symbol,
  ...args: unknown[]
): boolean {
  const scope = event === "close" || event === "finish" ? scopeOf(this) : undefined;
  if (scope !== undefined && isEnd(this, event, scope)) return emitEnd(this, event, args, undefined);
  return emitBefore(this).call(this, event, ...args);
}

function scopeOf(response: BoundEmitter): RequestScope | undefined {
  const request = response[REQUEST];
  return request === undefined ? undefined : getScope(request);
}

/** Whether an event of a response ends something: `close` the request, `finish` a created server span. */
function isEnd({ writableEnded }: AnsweringResponse, event: string | symbol, scope: RequestScope): boolean {
  return event === "close" || (event === "finish" && scope.selfMeasured !== undefined && writableEnded !== false);
}

/** @param scope the scope of the listeners; undefined if they need none */
function emitEnd(
  response: BoundEmitter & AnsweringResponse,
  event: string | symbol,
  args: readonly unknown[],
  scope: RequestScope | undefined,
): boolean {
  // Read before the listeners, which may still change the status, without effect.
  const outcome = outcomeOf(response, event === "finish");
  try {
    if (scope !== undefined && !isCurrent(scope)) return runWithin(scope, response, event, args);
    return emitBefore(response).call(response, event, ...args);
  } finally {
    const latest = scopeOf(response);
    if (event === "finish") latest?.selfMeasured?.end(outcome);
    else if (latest !== undefined) endRequest(latest, outcome);
  }
}

function isCurrent(scope: RequestScope): boolean {
  return scopeStorage().getStore() === scope && latestScope() === scope;
}

/**
 * Most events have no listener, or only the one that Node itself adds to each request and response, which needs no
 * scope. Errors without a listener are thrown all the same.
 */
function isHeard(emitter: Emitter, event: string | symbol): boolean {
  if (emitter.listenerCount === undefined || event === "error") return true;
  const count = emitter.listenerCount(event);
  if (count !== 1 || emitter.rawListeners === undefined) return count > 0;
  if (event === "finish") return emitter.rawListeners(event)[0]?.name !== "bound resOnFinish";
  return event !== "end" || emitter.rawListeners(event)[0]?.name !== "clearIncoming";
}

/** Also in the context of a created server span. An instrumentation binds the emitters to its own context itself. */
function runWithin(scope: RequestScope, emitter: Emitter, event: string | symbol, args: readonly unknown[]): boolean {
  const { selfMeasured } = scope;
  const emitNow = (): boolean => emitBefore(emitter).call(emitter, event, ...args);
  return selfMeasured === undefined ? runPlaced(scope, emitNow) : selfMeasured.within(() => runPlaced(scope, emitNow));
}
