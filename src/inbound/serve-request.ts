import { type Context, context } from "@opentelemetry/api";
import { isTracingSuppressed } from "@opentelemetry/core";
import { warnOnce } from "../checks/diagnostics.ts";
import { type CreatedServerSpan, createServerSpan } from "../http-spans/created-server-span.ts";
import { UninstrumentedRequest } from "../http-spans/uninstrumented-request.ts";
import { metricPairOf } from "../scope/chain.ts";
import { scopeStorage } from "../scope/current.ts";
import { latestScope } from "../scope/finding.ts";
import { getScope, setScope } from "../scope/holder.ts";
import { contextWithoutOwn } from "../scope/own-context.ts";
import type { RequestScope, SelfMeasured } from "../scope/request-scope.ts";
import { runPlaced } from "../scope/running.ts";
import type { CompiledInboundOptions } from "./inbound-options.ts";
import type { InboundRequest } from "./inbound-request.ts";
import { findServerSpan } from "./server-span.ts";

/**
 * Gives a scope its server span, made by an instrumentation or by the framework's plugin. With `serverSpan: "create"` the
 * package creates a missing one, and measures the request if no instrumentation does. A second call for the same scope
 * only looks for a missing server span.
 */
export function serveRequest(
  scope: RequestScope,
  inboundRequest: InboundRequest,
  options: CompiledInboundOptions,
): void {
  const { selfMeasured } = scope;
  if (selfMeasured !== undefined) {
    joinMeasured(scope, selfMeasured);
    return;
  }
  if (scope.serverSpan !== undefined) return;
  const active = context.active();
  const source = findServerSpan(scope, inboundRequest, active);
  // An instrumentation that ignores a request suppresses its tracing.
  if (source === "instrumentation" || isTracingSuppressed(active)) return;
  if (options.createsServerSpan) takeOver(scope, inboundRequest, options, source === "another request");
  else if (source === undefined) scope.missServerSpan();
}

/** Adds a later instance's scope to a request that the package measures already. */
function joinMeasured(scope: RequestScope, request: SelfMeasured): void {
  if (scope.serverSpan !== undefined || request.span === undefined) return;
  request.refine(cleanerFor(scope));
  setScope(request.span, scope);
  scope.claim(request.span);
}

function takeOver(
  scope: RequestScope,
  inboundRequest: InboundRequest,
  options: CompiledInboundOptions,
  isInjected: boolean,
): void {
  const { request, response } = inboundRequest;
  if (!Object.isExtensible(request) || !Object.isExtensible(response)) {
    warnOnce("server-span", "a request that cannot be changed gets no server span, since its end would not be seen");
    return;
  }
  const sources = {
    described: inboundRequest,
    namedRoute: () => options.route?.(inboundRequest.native ?? request),
    frameworkRoute: () => inboundRequest.route?.(),
    pair: () => metricPairOf(getScope(request) ?? scope),
  };
  if (scope.serverSpan !== undefined) {
    scope.measureSelf(new UninstrumentedRequest(sources, undefined, scope.serverSpan));
    return;
  }
  // In the request's own scope, so that span processors do not see the scope of an outer request.
  const create = (): CreatedServerSpan | undefined => createServerSpan(inboundRequest, isInjected, cleanerFor(scope));
  const created = scopeStorage().run(scope, () => (latestScope() === scope ? create() : runPlaced(scope, create)));
  const measured = new UninstrumentedRequest(sources, created);
  if (created !== undefined) setScope(created.span, scope);
  scope.measureSelf(measured);
}

/** Removes own members from a context: the propagator reads them without asking `trustInbound`. */
function cleanerFor({ owner }: RequestScope): (extracted: Context) => Context {
  return (extracted) => contextWithoutOwn(owner.policy.reader, extracted) ?? extracted;
}
