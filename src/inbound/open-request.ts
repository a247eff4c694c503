import { Socket } from "node:net";
import { announce } from "../assignment/sticky-store.ts";
import { noteServing } from "../checks/development.ts";
import { warnOnce } from "../checks/diagnostics.ts";
import type { Caller, RequestOutcome } from "../http/shapes.ts";
import type { Instance } from "../instance/instance.ts";
import { faceOf } from "../instance/scope-face.ts";
import { readReceived, receive } from "../propagation/received.ts";
import { scopeOwnedBy } from "../scope/chain.ts";
import { scopeStorage } from "../scope/current.ts";
import { latestScope } from "../scope/finding.ts";
import { getScope, setScope } from "../scope/holder.ts";
import type { Scope } from "../scope/public-scope.ts";
import { RequestScope } from "../scope/request-scope.ts";
import { runInScope } from "../scope/running.ts";
import { bindRequest, bindResponse } from "./emitters.ts";
import { forcedAssignments } from "./forced-assignments.ts";
import type { CompiledInboundOptions } from "./inbound-options.ts";
import type { InboundRequest, OpenRequest } from "./inbound-request.ts";
import { endRequest } from "./request-end.ts";
import { keepCookie } from "./response-cookies.ts";
import { serveRequest } from "./serve-request.ts";
import { isOfTest, testMembersOf } from "./test-request.ts";
import { identifyVisitor } from "./visitor.ts";

/**
 * Opens the scope of a request: reads the members of a trusted caller, finds the server span, binds the emitters. A
 * second call for the request gives the same scope, and looks again for a missing server span. Never throws.
 */
export function openRequest(
  instance: Instance,
  inboundRequest: InboundRequest,
  options: CompiledInboundOptions,
): OpenRequest {
  const present = getScope(inboundRequest.request);
  const scope = scopeOwnedBy(instance, present) ?? newScope(instance, inboundRequest, present);
  serveRequest(scope, inboundRequest, options);
  const { visitor } = options;
  const native = inboundRequest.native ?? inboundRequest.request;
  const assigned = visitor === undefined ? undefined : identifyVisitor(instance, scope, native, visitor);
  return new ServedRequest(inboundRequest.request, scope, faceOf(instance, scope), assigned);
}

class ServedRequest implements OpenRequest {
  readonly scope: Scope;
  readonly assigned: Promise<void> | undefined;
  readonly #request: object;
  readonly #opened: RequestScope;

  constructor(request: object, opened: RequestScope, scope: Scope, assigned: Promise<void> | undefined) {
    this.scope = scope;
    this.assigned = assigned;
    this.#request = request;
    this.#opened = opened;
  }

  get run(): <T>(fn: () => T) => T {
    return (fn) => runInScope(this.#latest, fn);
  }

  get end(): (outcome: RequestOutcome) => void {
    return (outcome) => endRequest(this.#latest, outcome);
  }

  /** The scopes of several instances on one request form a chain; the latest one leads to all of them. */
  get #latest(): RequestScope {
    return getScope(this.#request) ?? this.#opened;
  }
}

function newScope(instance: Instance, inboundRequest: InboundRequest, outer: RequestScope | undefined): RequestScope {
  noteServing();
  const scope = new RequestScope(instance, outer);
  try {
    setScope(inboundRequest.request, scope);
    if (inboundRequest.native !== undefined) setScope(inboundRequest.native, scope);
    scope.exchange = inboundRequest;
    if (!hasConnection(inboundRequest)) scope.around = latestScope();
    const { store } = instance.options;
    const cookie = store === undefined ? undefined : announce(store, inboundRequest);
    if (cookie !== undefined) keepCookie(inboundRequest.response, cookie);
    const baggage = baggageOf(instance, inboundRequest);
    if (baggage !== undefined) receive(scope, readReceived(instance, baggage, callerOf(instance, inboundRequest)));
    if (instance.options.overrides !== undefined) {
      scope.add(forcedAssignments(instance, callerOf(instance, inboundRequest), urlOf(inboundRequest)));
    }
  } catch (error) {
    warnOnce("inbound", "a request could not be read, so it has no variant from its caller", error);
  }
  if (outer === undefined) bindEmitters(inboundRequest);
  return scope;
}

/** The request's `baggage`, followed by the members that a test added. */
function baggageOf({ options }: Instance, { header }: InboundRequest): string | undefined {
  const received = header("baggage");
  const line = typeof received === "object" ? received.join(",") : received;
  const members = options.strict ? testMembersOf(header) : undefined;
  if (members === undefined) return line;
  return line === undefined ? members : `${line},${members}`;
}

/** Frameworks that strip a mount path from `url` keep the whole URL as `originalUrl`. */
function urlOf({ request, url }: InboundRequest): string | undefined {
  return request.originalUrl ?? request.url ?? url;
}

/**
 * The sender of the request. An injected request (`app.inject`) has no connection: its address is set by the injecting
 * code, so it has no peer. An adapter may know the peer of a request that shows no socket. A test of this process, known
 * by its token, sets the peer of a request that it injects. Within another request neither counts.
 */
function callerOf({ options }: Instance, inboundRequest: InboundRequest): Caller {
  if (hasConnection(inboundRequest)) return inboundRequest;
  const { header, request } = inboundRequest;
  const isInjected =
    scopeStorage().getStore() !== undefined || (request.socket !== undefined && !(options.strict && isOfTest(header)));
  return isInjected ? { header, peer: undefined } : inboundRequest;
}

function hasConnection({ request }: InboundRequest): boolean {
  return request.socket instanceof Socket;
}

/** A frozen request cannot be bound: its events have no scope, other code has. */
function bindEmitters({ request, response }: InboundRequest): void {
  try {
    bindRequest(request);
    endWithConnection(request);
    bindResponse(response, request);
  } catch (error) {
    warnOnce("inbound", "the events of a request could not be bound to its scope", error);
  }
}

/** The response of an upgraded request, as of a WebSocket or of `CONNECT`, emits nothing when the connection is over. */
function endWithConnection(request: InboundRequest["request"]): void {
  const { socket } = request;
  if (socket === undefined || Reflect.get(request, "upgrade") !== true) return;
  const end = (): void => {
    const scope = getScope(request);
    if (scope !== undefined) endRequest(scope, {});
  };
  if (socket.destroyed) end();
  else socket.once("close", end);
}
