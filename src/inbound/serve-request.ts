import { type Context, context } from "@opentelemetry/api";
import { isTracingSuppressed } from "@opentelemetry/core";
import { warnOnce } from "../checks/diagnostics.ts";
import { createServerSpan } from "../http-spans/created-server-span.ts";
import { UninstrumentedRequest } from "../http-spans/uninstrumented-request.ts";
import { metricPairOf } from "../scope/chain.ts";
import { scopeStorage } from "../scope/current.ts";
import { getScope, setScope } from "../scope/holder.ts";
import { contextWithoutOwn } from "../scope/own-context.ts";
import type { RequestScope, SelfMeasured } from "../scope/request-scope.ts";
import type { CompiledInboundOptions } from "./inbound-options.ts";
import type { InboundRequest } from "./inbound-request.ts";
import { findServerSpan } from "./server-span.ts";

/**
 * Gives a request its server span: an instrumentation's, the framework plugin's, or, where the option says so and there
 * is none, one of ours. What no HTTP instrumentation measures, we do. Again on the same request it changes nothing, but
 * for an instance that comes later.
 */
export function serveRequest(scope: RequestScope, arrival: InboundRequest, options: CompiledInboundOptions): void {
  const { selfMeasured } = scope;
  if (selfMeasured !== undefined) {
    joinMeasured(scope, selfMeasured);
    return;
  }
  if (scope.serverSpan !== undefined) return;
  const active = context.active();
  const source = findServerSpan(scope, arrival.serverSpan, active);
  // Who ignores a request suppresses the tracing of it.
  if (source === "instrumentation" || isTracingSuppressed(active)) return;
  if (options.createsServerSpan) takeOver(scope, arrival, options, source === "another request");
  else if (source === undefined) scope.missServerSpan();
}

/** A later instance on a request that is ours already. */
function joinMeasured(scope: RequestScope, request: SelfMeasured): void {
  if (scope.serverSpan !== undefined || request.span === undefined) return;
  request.refine(cleanerFor(scope));
  setScope(request.span, scope);
  scope.claim(request.span);
}

function takeOver(
  scope: RequestScope,
  arrival: InboundRequest,
  options: CompiledInboundOptions,
  isInjected: boolean,
): void {
  const { request, response, route } = arrival;
  if (!Object.isExtensible(request) || !Object.isExtensible(response)) {
    warnOnce("server-span", "a request that cannot be changed gets no server span, since its end would not be seen");
    return;
  }
  const sources = {
    described: arrival,
    namedRoute: () => options.route?.(arrival.native ?? request),
    frameworkRoute: () => route?.(),
    pair: () => metricPairOf(getScope(request) ?? scope),
  };
  if (scope.serverSpan !== undefined) {
    scope.measureSelf(new UninstrumentedRequest(sources, undefined, scope.serverSpan));
    return;
  }
  // In its own scope, so that what looks at a span when it starts does not see the scope of an outer request.
  const created = scopeStorage().run(scope, () => createServerSpan(arrival, isInjected, cleanerFor(scope)));
  const measured = new UninstrumentedRequest(sources, created);
  if (created !== undefined) setScope(created.span, scope);
  scope.measureSelf(measured);
}

/** What the propagator reads goes past trust. */
function cleanerFor({ owner }: RequestScope): (extracted: Context) => Context {
  return (extracted) => contextWithoutOwn(owner.policy.reader, extracted) ?? extracted;
}
