import { Socket } from "node:net";
import { context } from "@opentelemetry/api";
import { bindEmitter, type Emitter } from "./emitters.ts";
import type { Instance } from "./instance.ts";
import { processState } from "./process-state.ts";
import { contextWithoutOwn } from "./propagation/own-context.ts";
import { readAssignments } from "./propagation/read-assignments.ts";
import { type ArrivedRequest, takeSelfCall } from "./propagation/self-calls.ts";
import type { Caller, HeaderGetter } from "./propagation/trust.ts";
import { RequestScope, type Scope } from "./scope.ts";
import { attachedScope, attachScope, scopeOwnedBy } from "./scope-finding.ts";
import { advise } from "./telemetry/diagnostics.ts";
import { claimServerSpan, type SpanFinder } from "./telemetry/server-span.ts";

/** What an adapter tells of a request. */
export interface Arrival {
  /** By lower-case name. */
  readonly header: HeaderGetter;
  /** The socket's remote address, never a forwarded one; undefined for a unix socket. */
  readonly peer: string | undefined;
  /** The request itself: the scope is noted on it and found by it, also where async context is gone. */
  readonly request: Emitter & ArrivedRequest;
  /** Its `close` ends the scope. */
  readonly response: Emitter;
  /** For frameworks whose plugin makes the server span itself. */
  readonly serverSpan?: SpanFinder;
}

/** A request that is being served. */
export interface OpenRequest {
  readonly scope: Scope;
  /** Runs the rest of the request in its scope. The result and the error are those of `fn`. */
  readonly run: <T>(fn: () => T) => T;
}

/**
 * Opens the scope of a request: reads what a trusted caller sent, finds the server span, binds the emitters. Again on
 * the same request it gives the same scope, and looks once more for a server span that was not there. Never throws.
 */
export function openRequest(instance: Instance, arrival: Arrival): OpenRequest {
  const present = attachedScope(arrival.request);
  const scope = scopeOwnedBy(instance, present) ?? newScope(instance, arrival, present);
  if (!scope.hasServerSpan) claimServerSpan(scope, arrival.serverSpan);
  // Several instances on one request form a chain, and all of them are to be found from its latest scope.
  return { scope, run: (fn) => runInScope(attachedScope(arrival.request) ?? scope, fn) };
}

function newScope(instance: Instance, arrival: Arrival, outer: RequestScope | undefined): RequestScope {
  const scope = new RequestScope(instance, outer);
  try {
    attachScope(arrival.request, scope);
    instance.refreshMeters();
    const baggage = baggageOf(instance, arrival);
    if (baggage !== undefined) scope.add(readAssignments(instance, baggage, callerOf(arrival)));
  } catch (error) {
    advise("inbound", "a request could not be read, so it has no variant from its caller", error);
  }
  if (outer === undefined) bindEmitters(arrival);
  return scope;
}

function baggageOf(instance: Instance, { header, request }: Arrival): string | undefined {
  const received = header("baggage");
  const line = typeof received === "object" ? received.join(",") : received;
  const members = instance.policy.takesSelfCalls ? takeSelfCall(request) : undefined;
  if (members === undefined) return line;
  return line === undefined ? members : `${line},${members}`;
}

/**
 * Who sent the request. One that is injected while another one is served (`app.inject`) has no connection, and whatever
 * address it shows is its injector's word for somebody else's headers.
 */
function callerOf(arrival: Arrival): Caller {
  const { header, request } = arrival;
  const isInjected = processState().scopes.getStore() !== undefined && !(request.socket instanceof Socket);
  return isInjected ? { header, peer: undefined } : arrival;
}

/** A frozen request keeps its scope in the code that awaits, and loses it in its events. */
function bindEmitters({ request, response }: Arrival): void {
  try {
    bindEmitter(request, request);
    bindEmitter(response, request, (event) => {
      if (event === "close") endScopes(request);
    });
  } catch (error) {
    advise("inbound", "the events of a request could not be bound to its scope", error);
  }
}

/** Idempotent. The scopes still propagate; only the server span is left alone from here on. */
function endScopes(request: object): void {
  for (let scope = attachedScope(request); scope !== undefined; scope = scope.outer) scope.end();
}

function runInScope<T>(scope: RequestScope, fn: () => T): T {
  const { scopes } = processState();
  const cleaned = contextWithoutOwn(scope.owner.policy.reader);
  return cleaned === undefined ? scopes.run(scope, fn) : scopes.run(scope, () => context.with(cleaned, fn));
}
