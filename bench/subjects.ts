import { context, propagation, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { W3CBaggagePropagator } from "@opentelemetry/core";
import { TracerProvider } from "@opentelemetry/sdk-trace";
import { createExperiments } from "../src/index.ts";
import { INSTANCE } from "../src/instance/handle.ts";
import type { Instance } from "../src/instance/instance.ts";
import { EXPERIMENT_ID, VARIANT_WEIGHTS } from "./headers.ts";

context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
trace.setGlobalTracerProvider(new TracerProvider());

/** The peer: what OpenTelemetry's own package offers to those who write it by hand. */
export const propagator: W3CBaggagePropagator = new W3CBaggagePropagator();
propagation.setGlobalPropagator(propagator);

/** A downstream service that trusts its callers and may pass on to one other. */
export const experiments = createExperiments({
  experiments: { checkout: { id: EXPERIMENT_ID, variants: VARIANT_WEIGHTS } },
  trustInbound: true,
  propagateTo: ["http://payment.shop.internal"],
});

// why: the benchmarks measure the parts of the core, too, which the public type does not show
export const instance: Instance = experiments[INSTANCE] as Instance;
