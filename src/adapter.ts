/**
 * The boundary between the core and its adapters, those of this package and others'. Inbound: open a request, run the
 * rest of it. Outbound: depart with a request, and let the process-wide stop write it.
 */
import type { EvaluationReason } from "./assignment/reason.ts";
import { ExperimentConfigError } from "./errors.ts";
import { type ExperimentsHandle, instanceOf } from "./experiments.ts";
import { compileInboundOptions, type InboundOptions } from "./inbound-options.ts";
import type { Instance } from "./instance.ts";
import { type Arrival, type OpenRequest, openRequest } from "./open-request.ts";
import { processState } from "./process-state.ts";
import { type CalledRequest, clientCall } from "./propagation/client-call.ts";
import { Destination } from "./propagation/destination.ts";
import { writeEverywhere } from "./propagation/everywhere.ts";
import { OutgoingBaggage } from "./propagation/outgoing-baggage.ts";
import { ticketOf, ticketOfCall, withdrawTicket } from "./propagation/tickets.ts";
import type { RequestScope, Scope } from "./scope.ts";
import { show } from "./show.ts";
import { followRequests } from "./telemetry/client-span-channels.ts";
import { advise } from "./telemetry/diagnostics.ts";

export type { Assigner } from "./assignment/definition.ts";
export { type EvaluationReason, isEvaluationReason } from "./assignment/reason.ts";
export type { Emitter } from "./emitters.ts";
export { ExperimentConfigError } from "./errors.ts";
export type { ExperimentsHandle } from "./experiments.ts";
export type { InboundOptions } from "./inbound-options.ts";
export { type ArrivalDetails, arrivalOf, withCookie } from "./node-arrival.ts";
export type { AnsweringResponse, Arrival, OpenRequest } from "./open-request.ts";
export { type CalledRequest, ignoreExperimentRequests } from "./propagation/client-call.ts";
export type { ArrivedRequest } from "./propagation/self-calls.ts";
export { TICKET_HEADER } from "./propagation/tickets.ts";
export type { HeaderGetter } from "./propagation/trust.ts";
export type { Scope } from "./scope.ts";
export type { RequestOutcome } from "./telemetry/served-request.ts";
export type { DescribedRequest } from "./telemetry/server-attributes.ts";
export type { SpanFinder } from "./telemetry/server-span.ts";

/** An outgoing request on behalf of a scope. */
export interface Departure {
  /** The value of `TICKET_HEADER`, which the request carries until it is written. */
  readonly ticket: string;
  /** To be held as long as the request may still be made anew: the ticket is good while this object lives. */
  readonly scope: object;
  /** The `baggage` header for a first destination: what the caller set, with own members if they may go there. */
  readonly baggageFor: (url: URL, existing: string | null) => string;
  /** Keeps the process-wide stop in force until the result is called, also if the experiments are closed meanwhile. */
  readonly retain: () => () => void;
  /** Runs code later as it would run now, as `rememberScope` does, and in OpenTelemetry's context of the call. */
  readonly run: <T>(fn: () => T) => T;
}

/** What a wrapped client may be beside the one that passes variants on. */
export interface ClientOptions {
  /** Whether it makes a CLIENT span and measures the duration of each request over undici. Default: false. */
  readonly spans?: boolean;
}

/**
 * The verb of inbound adapters, bound once at set-up.
 *
 * @throws ExperimentConfigError for what `createExperiments` did not give, and for options that are wrong
 */
export function inbound(experiments: ExperimentsHandle, options?: InboundOptions): (arrival: Arrival) => OpenRequest {
  const instance = instanceOf(experiments);
  const compiled = compileInboundOptions(options);
  return (arrival) => openRequest(instance, arrival, compiled);
}

/**
 * Notes what a feature flag's evaluation gave for the current request, if the experiment and the variant are declared;
 * other flags are none of ours, and give false. Bound once at set-up; the result never throws.
 *
 * @throws ExperimentConfigError for what `createExperiments` did not give
 */
export function evaluations(
  experiments: ExperimentsHandle,
): (key: string, variant: string, reason: EvaluationReason) => boolean {
  const instance = instanceOf(experiments);
  return (key, variant, reason) => instance.recordEvaluation(instance.current(), key, variant, reason);
}

/** Puts a request's scope where the framework keeps what belongs to a request. A place that takes nothing is left alone. */
export function placeScope(place: object | null | undefined, name: string, scope: Scope): void {
  if (place !== null && place !== undefined) Reflect.set(place, name, scope);
}

/**
 * The verb of outbound adapters, bound once at set-up. It gives undefined where the request needs nothing of ours: the
 * current scope has nothing to pass on, and the client makes no spans, or none for this request.
 *
 * @throws ExperimentConfigError for what `createExperiments` did not give, and for wrong options
 */
export function outbound(
  experiments: ExperimentsHandle,
  options: ClientOptions = {},
): (called?: CalledRequest) => Departure | undefined {
  const instance = instanceOf(experiments);
  const spans = checkClientOptions(options);
  if (spans) instance.beforeClose(followRequests());
  else adviseOfNobody(instance, "a client was wrapped");
  return (called = { header: () => [] }) => {
    if (instance.closed) return undefined;
    const scope = instance.current();
    const call = spans ? clientCall(instance, called) : undefined;
    if (call === undefined) return scope.own.text === "" ? undefined : departureOf(instance, scope);
    const ticket = ticketOfCall(call);
    const { retain } = instance.egress;
    const writer = scope.own.text === "" ? undefined : departureOf(instance, scope);
    return {
      ticket: writer === undefined ? ticket : `${writer.ticket},${ticket}`,
      scope: call,
      baggageFor: writer?.baggageFor ?? (() => ""),
      retain() {
        const release = retain();
        return () => {
          release();
          withdrawTicket(ticket, call);
        };
      },
      run: (fn) => call.run(fn),
    };
  };
}

function departureOf(instance: Instance, scope: RequestScope): Departure {
  return {
    ticket: ticketOf(scope),
    scope,
    baggageFor(url, existing) {
      const baggage = new OutgoingBaggage([instance.policy], [scope], Destination.of(url));
      if (existing !== null) baggage.add(existing);
      return baggage.text;
    },
    retain: instance.egress.retain,
    run: rememberScope(),
  };
}

function checkClientOptions(options: unknown): boolean {
  if (typeof options !== "object" || options === null) {
    throw new ExperimentConfigError("ERR_OPTIONS", `a client's options are ${show(options)}; write { spans: true }`);
  }
  const { spans = false, ...others }: ClientOptions = options;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) {
    throw new ExperimentConfigError(
      "ERR_UNKNOWN_OPTION",
      `the option ${show(unknown)} of a client is unknown; there is spans`,
    );
  }
  if (typeof spans !== "boolean") {
    throw new ExperimentConfigError("ERR_OPTION_VALUE", `spans is ${show(spans)}; write true or false`);
  }
  return spans;
}

/**
 * The verb of what is no client of its own: from here on, every client of the process passes on what these experiments
 * know of the request that it is called in, where it is known which one that is. The result undoes it; it is counted
 * and idempotent, and closing the experiments undoes it too.
 *
 * @throws ExperimentConfigError for what `createExperiments` did not give
 */
export function outboundEverywhere(experiments: ExperimentsHandle): () => void {
  const instance = instanceOf(experiments);
  adviseOfNobody(instance, "every client is to pass variants on");
  const undo = writeEverywhere(instance.policy);
  instance.beforeClose(undo);
  return undo;
}

function adviseOfNobody({ policy }: Instance, what: string): void {
  if (!policy.destinations.namesNobody) return;
  advise("no-destination", `${what} for experiments whose propagateTo names no destination; nothing is passed on`);
}

/**
 * Runs code later as it would run now: in the scope of the code that asks, of whichever instance, or in none. For what a
 * client calls from a shared socket, where the async context is another request's.
 */
export function rememberScope(): <T>(fn: () => T) => T {
  const { scopes } = processState();
  const scope = scopes.getStore();
  return (fn) => (scopes.getStore() === scope ? fn() : scopes.run(scope, fn));
}
