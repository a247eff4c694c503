import { Socket } from "node:net";
import { warnOnce } from "../checks/diagnostics.ts";
import type { Caller, RequestOutcome } from "../http/shapes.ts";
import { missServerSpan } from "../http-spans/missing-server-span.ts";
import type { Instance } from "../instance/instance.ts";
import { faceOf } from "../instance/scope-face.ts";
import { readReceived, receive } from "../propagation/received.ts";
import { scopeOwnedBy } from "../scope/chain.ts";
import { scopeStorage } from "../scope/current.ts";
import { getScope, setScope } from "../scope/holder.ts";
import { RequestScope } from "../scope/request-scope.ts";
import { runInScope } from "../scope/running.ts";
import { bindEmitter } from "./emitters.ts";
import { forcedAssignments } from "./forced-assignments.ts";
import type { CompiledInboundOptions } from "./inbound-options.ts";
import type { AnsweringResponse, InboundRequest, OpenRequest } from "./inbound-request.ts";
import { serveRequest } from "./serve-request.ts";
import { testMembersOf } from "./test-request.ts";

/**
 * Opens the scope of a request: reads what a trusted caller sent, finds the server span, binds the emitters. Again on
 * the same request it gives the same scope, and looks once more for a server span that was not there. Never throws.
 */
export function openRequest(instance: Instance, arrival: InboundRequest, options: CompiledInboundOptions): OpenRequest {
  const present = getScope(arrival.request);
  const scope = scopeOwnedBy(instance, present) ?? newScope(instance, arrival, present);
  serveRequest(scope, arrival, options);
  // Several instances on one request form a chain, and all of them are to be found from its latest scope.
  return {
    scope: faceOf(instance, scope),
    run: (fn) => runInScope(getScope(arrival.request) ?? scope, fn),
    end: (outcome) => endRequest(getScope(arrival.request) ?? scope, outcome),
  };
}

function newScope(instance: Instance, arrival: InboundRequest, outer: RequestScope | undefined): RequestScope {
  const scope = new RequestScope(instance, outer);
  try {
    setScope(arrival.request, scope);
    if (arrival.native !== undefined) setScope(arrival.native, scope);
    scope.exchange = arrival;
    const baggage = baggageOf(instance, arrival);
    if (baggage !== undefined) receive(scope, readReceived(instance, baggage, callerOf(arrival)));
    if (instance.options.overrides !== undefined) {
      scope.add(forcedAssignments(instance, callerOf(arrival), urlOf(arrival)));
    }
  } catch (error) {
    warnOnce("inbound", "a request could not be read, so it has no variant from its caller", error);
  }
  if (outer === undefined) bindEmitters(arrival);
  return scope;
}

/** The request's own, and behind it what a test adds to it. */
function baggageOf({ options }: Instance, { header }: InboundRequest): string | undefined {
  const received = header("baggage");
  const line = typeof received === "object" ? received.join(",") : received;
  const members = options.strict ? testMembersOf(header) : undefined;
  if (members === undefined) return line;
  return line === undefined ? members : `${line},${members}`;
}

/** Frameworks that strip a mount path from `url` keep the whole as `originalUrl`. */
function urlOf({ request, url }: InboundRequest): string | undefined {
  return request.originalUrl ?? request.url ?? url;
}

/**
 * Who sent the request. One that is injected while another one is served (`app.inject`) has no connection, and whatever
 * address it shows is its injector's word for somebody else's headers.
 */
function callerOf(arrival: InboundRequest): Caller {
  const { header, request } = arrival;
  const isInjected = scopeStorage().getStore() !== undefined && !(request.socket instanceof Socket);
  return isInjected ? { header, peer: undefined } : arrival;
}

/** A frozen request keeps its scope in the code that awaits, and loses it in its events. */
function bindEmitters({ request, response }: InboundRequest): void {
  try {
    bindEmitter(request, request);
    bindEmitter(response, request, (event) => {
      if (event !== "finish" && event !== "close") return undefined;
      const scope = getScope(request);
      if (scope === undefined) return undefined;
      if (event === "finish" && (scope.selfMeasured === undefined || response.writableEnded === false))
        return undefined;
      // Listeners of `close` may still answer, in vain.
      const outcome = event === "finish" ? { status: response.statusCode } : brokenOff(response);
      return () =>
        event === "finish" ? scope.selfMeasured?.end(outcome) : endRequest(getScope(request) ?? scope, outcome);
    });
  } catch (error) {
    warnOnce("inbound", "the events of a request could not be bound to its scope", error);
  }
}

/** What broke a response off that nobody finished, where nothing is known of it. */
const ABORTED = Object.freeze({ name: "aborted" });

function brokenOff({ headersSent, statusCode, errored }: AnsweringResponse): RequestOutcome {
  return { status: headersSent === true ? statusCode : undefined, error: errored ?? ABORTED };
}

/** Idempotent. The scopes still propagate; only the server span is left alone from here on. */
function endRequest(latest: RequestScope, outcome: RequestOutcome): void {
  latest.selfMeasured?.end(outcome);
  for (let scope: RequestScope | undefined = latest; scope !== undefined; scope = scope.outer) {
    if (!scope.ended && scope.lacksServerSpan) missServerSpan();
    scope.end();
  }
}
