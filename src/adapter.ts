/**
 * The boundary between the core and its adapters, those of this package and others'. Inbound: open a request, run the
 * rest of it. Outbound: depart with a request, and let the process-wide stop write it.
 */
import type { EvaluationReason } from "./assignment/reason.ts";
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
import { type OutboundRequest, startOutbound } from "./outbound/outbound-request.ts";
import type { Scope } from "./scope/public-scope.ts";

export type { Assigner } from "./assignment/definition.ts";
export { type EvaluationReason, isEvaluationReason } from "./assignment/reason.ts";
export { attempt } from "./checks/diagnostics.ts";
export { ExperimentConfigError } from "./checks/errors.ts";
export { isName, linesOf } from "./http/header-parts.ts";
export type { ArrivedRequest, HeaderGetter } from "./http/shapes.ts";
export type { DescribedRequest } from "./http-spans/server-attributes.ts";
export type { Emitter } from "./inbound/emitters.ts";
export type { InboundOptions } from "./inbound/inbound-options.ts";
// The names that these exports had before 0.2. New adapters use the names above.
export type {
  AnsweringResponse,
  InboundRequest,
  InboundRequest as Arrival,
  OpenRequest,
} from "./inbound/inbound-request.ts";
export {
  fromNodeRequest,
  fromNodeRequest as arrivalOf,
  type NodeRequestDetails,
  type NodeRequestDetails as ArrivalDetails,
  withCookie,
} from "./inbound/node-request.ts";
export type { SpanFinder } from "./inbound/server-span.ts";
export { TEST_HEADER } from "./inbound/test-request.ts";
export type { ExperimentsHandle } from "./instance/handle.ts";
export { type CalledRequest, ignoreExperimentRequests } from "./outbound/client-call.ts";
export type { ClientOptions } from "./outbound/client-options.ts";
export type { OutboundRequest, OutboundRequest as Departure } from "./outbound/outbound-request.ts";
export { TICKET_HEADER } from "./outbound/tickets.ts";
export type { Scope } from "./scope/public-scope.ts";
export { rememberScope } from "./scope/running.ts";
export { outboundForAllClients as outboundEverywhere };

/**
 * The verb of inbound adapters, bound once at set-up.
 *
 * @throws ExperimentConfigError for what `createExperiments` did not give, and for options that are wrong
 */
export function inbound(
  experiments: ExperimentsHandle,
  options?: InboundOptions,
): (arrival: InboundRequest) => OpenRequest {
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
  return (key, variant, reason) => recordEvaluation(instance, instance.current(), key, variant, reason);
}

/**
 * Keeps variants and fields for requests of a test to a server of this process, until 1,024 others are kept.
 *
 * @returns the token by which a request brings them, in the header `TEST_HEADER`, any number of times
 * @throws ExperimentConfigError for what `createExperiments` did not give, and if the experiments are not strict
 * @throws ExperimentUsageError for an unknown experiment, variant or field, and for a value that a field does not take
 */
export function testToken(experiments: ExperimentsHandle, variants: object, fields: object): string {
  return tokenOf(instanceOf(experiments), variants, fields);
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
): (called?: CalledRequest) => OutboundRequest | undefined {
  const instance = instanceOf(experiments);
  const { spans } = compileClientOptions(options);
  if (spans) instance.beforeClose(followRequests());
  else adviseOfNobody(instance, "a client was wrapped");
  return (called = { header: () => [] }) => startOutbound(instance, spans, called);
}

/**
 * The verb of what is no client of its own: from here on, every client of the process passes on what these experiments
 * know of the request that it is called in, where it is known which one that is. The result undoes it; it is counted
 * and idempotent, and closing the experiments undoes it too.
 *
 * @throws ExperimentConfigError for what `createExperiments` did not give
 */
export function outboundForAllClients(experiments: ExperimentsHandle): () => void {
  const instance = instanceOf(experiments);
  adviseOfNobody(instance, "every client is to pass variants on");
  return instance.beforeClose(writeForAllClients(instance.policy));
}

function adviseOfNobody({ policy }: Instance, what: string): void {
  if (!policy.destinations.namesNobody) return;
  warnOnce("no-destination", `${what} for experiments whose propagateTo names no destination; nothing is passed on`);
}
