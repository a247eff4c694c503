/**
 * The boundary between the core and its adapters, also those of other packages. Inbound: open a request, and run the
 * rest of it in its scope. Outbound: start a request with a ticket; the process-wide stop writes its `baggage`.
 */
import type { EvaluationReason } from "./assignment/reason.ts";
import { runWithVariants } from "./carriers/test-run.ts";
import { warnOnce } from "./checks/diagnostics.ts";
import { followRequests } from "./http-spans/client-span-channels.ts";
import { compileInboundOptions, type InboundOptions } from "./inbound/inbound-options.ts";
import type { InboundRequest, OpenRequest } from "./inbound/inbound-request.ts";
import { openRequest } from "./inbound/open-request.ts";
import { testToken as tokenOf } from "./inbound/test-request.ts";
import { recordEvaluation } from "./instance/assigning.ts";
import { type ExperimentsHandle, instanceOf } from "./instance/handle.ts";
import type { Instance } from "./instance/instance.ts";
import { writeForAllClients } from "./outbound/all-clients.ts";
import type { CalledRequest } from "./outbound/client-call.ts";
import { type ClientOptions, compileClientOptions } from "./outbound/client-options.ts";
import { type LayersAbove, layersAboveOf } from "./outbound/layers-above.ts";
import { type OutboundRequest, startOutbound } from "./outbound/outbound-request.ts";
import type { Scope } from "./scope/public-scope.ts";

export type { Assigner, AssignerAnswer, AssignmentRequest, SubjectAttributes } from "./assignment/definition.ts";
export { type EvaluationReason, isEvaluationReason } from "./assignment/reason.ts";
export { attempt, type Cause } from "./checks/diagnostics.ts";
export { ExperimentConfigError } from "./checks/errors.ts";
export type { NoticeName } from "./checks/notice-texts.ts";
export { isName, linesOf } from "./http/header-parts.ts";
export type { ArrivedRequest, HeaderGetter, HttpExchange, RequestOutcome } from "./http/shapes.ts";
export type { DescribedRequest } from "./http-spans/server-attributes.ts";
export { continueAssigned, runAssigned } from "./inbound/assigned.ts";
export type { Emitter } from "./inbound/emitters.ts";
export type { InboundOptions } from "./inbound/inbound-options.ts";
// `Arrival`, `arrivalOf`, `ArrivalDetails`, `Departure` and `outboundEverywhere` are names from before 0.2. New adapters
// use the others.
export type { InboundRequest, InboundRequest as Arrival, OpenRequest } from "./inbound/inbound-request.ts";
export {
  fromNodeRequest,
  fromNodeRequest as arrivalOf,
  NodeInboundRequest,
  type NodeRequestDetails,
  type NodeRequestDetails as ArrivalDetails,
} from "./inbound/node-request.ts";
export type { AnsweringResponse } from "./inbound/request-end.ts";
export { withCookie } from "./inbound/response-cookies.ts";
export type { SpanFinder } from "./inbound/server-span.ts";
export { TEST_HEADER } from "./inbound/test-request.ts";
export type { ExperimentsHandle, KeyedExperiments } from "./instance/handle.ts";
export { type CalledRequest, ignoreExperimentRequests } from "./outbound/client-call.ts";
export type { ClientOptions } from "./outbound/client-options.ts";
export { type ArrayForm, GivenHeaders } from "./outbound/given-headers.ts";
export { copyOfGiven } from "./outbound/given-members.ts";
export type {
  FirstDestination,
  OutboundRequest,
  OutboundRequest as Departure,
  SetHeader,
} from "./outbound/outbound-request.ts";
export { TICKET_HEADER } from "./outbound/tickets.ts";
export type { HeaderLines } from "./outbound/trace-headers.ts";
export { markHandler } from "./outbound/undici/caller-scope.ts";
export { answersWith, CALL_OF_HANDLER, type HeldCall } from "./outbound/unmarked-call.ts";
export type { Verdict } from "./policy/destinations.ts";
export { processWide } from "./process-wide.ts";
export type { RegisteredScope, Scope } from "./scope/public-scope.ts";
export { isMadeHere, rememberScope } from "./scope/running.ts";
export type { LayersAbove };
export { outboundForAllClients as outboundEverywhere, runWithVariants };

/**
 * Gives the function with which an inbound adapter opens requests. Called once, at set-up.
 *
 * @throws ExperimentConfigError if `experiments` is not from `createExperiments`, and for wrong options
 */
export function inbound(
  experiments: ExperimentsHandle,
  options?: InboundOptions<never, string>,
): (inboundRequest: InboundRequest) => OpenRequest {
  const instance = instanceOf(experiments);
  const compiled = compileInboundOptions(options, instance);
  instance.isMounted = true;
  if (compiled.visitor !== undefined && compiled.visitor.assign.length > 0) instance.assigns = true;
  return (inboundRequest) => openRequest(instance, inboundRequest, compiled);
}

/**
 * Gives the function that records a feature flag's evaluation for the current request. It returns false, and records
 * nothing, if the experiment or the variant is not declared; it never throws. Called once, at set-up.
 *
 * @throws ExperimentConfigError if `experiments` is not from `createExperiments`
 */
export function evaluations(
  experiments: ExperimentsHandle,
): (key: string, variant: string, reason: EvaluationReason) => boolean {
  const instance = instanceOf(experiments);
  return (key, variant, reason) => recordEvaluation(instance, instance.current(), key, variant, reason);
}

/**
 * Keeps variants and fields for requests of a test to a server of this process. 1,024 tokens are kept; the oldest goes
 * first.
 *
 * @returns the token that a request sends in the header `TEST_HEADER` to have them, any number of times
 * @throws ExperimentConfigError if `experiments` is not from `createExperiments`, or is not strict
 * @throws ExperimentUsageError for an unknown experiment, variant or field, and for a value that a field does not take
 */
export function testToken(experiments: ExperimentsHandle, variants: object, fields: object): string {
  return tokenOf(instanceOf(experiments), variants, fields);
}

/** Sets the scope as a property of the framework's per-request object, if there is one and it takes properties. */
export function placeScope(place: object | null | undefined, name: string, scope: Scope): void {
  if (place !== null && place !== undefined) Reflect.set(place, name, scope);
}

/**
 * Gives the function with which an outbound adapter starts requests. It returns undefined if the request needs neither
 * a ticket nor a span: the current scope has nothing to pass on, and the client makes no span for this request. Called
 * once, at set-up.
 *
 * @throws ExperimentConfigError if `experiments` is not from `createExperiments`, and for wrong options
 */
export function outbound(
  experiments: ExperimentsHandle,
  options: ClientOptions = {},
): (called?: CalledRequest) => OutboundRequest | undefined {
  const instance = instanceOf(experiments);
  const { spans } = compileClientOptions(options);
  if (spans) instance.beforeClose(followRequests());
  else warnOfNoDestination(instance, "a client was wrapped");
  return (called = { header: () => [] }) => startOutbound(instance, spans, called);
}

/**
 * Lets every client of the process pass on the scope of the request that it is called in, if it is known which request
 * that is. In force until each result has been called, or the experiments are closed. A result is idempotent.
 *
 * @throws ExperimentConfigError if `experiments` is not from `createExperiments`
 */
export function outboundForAllClients(experiments: ExperimentsHandle): () => void {
  const instance = instanceOf(experiments);
  warnOfNoDestination(instance, "every client is to pass variants on");
  return instance.beforeClose(writeForAllClients(instance.policy));
}

/**
 * Gives the function that looks at the interceptors of undici outside of an adapter's own. Called once, at set-up.
 *
 * @throws ExperimentConfigError if `experiments` is not from `createExperiments`
 */
export function layersAbove(experiments: ExperimentsHandle): ReturnType<typeof layersAboveOf> {
  return layersAboveOf(instanceOf(experiments));
}

function warnOfNoDestination({ policy }: Instance, what: string): void {
  if (!policy.destinations.namesNobody) return;
  warnOnce("no-destination", `${what} for experiments whose propagateTo names no destination; nothing is passed on`);
}
