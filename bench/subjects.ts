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

/** The peer: OpenTelemetry's propagator, as hand-written code uses it. */
export const propagator: W3CBaggagePropagator = new W3CBaggagePropagator();
propagation.setGlobalPropagator(propagator);

/** A downstream service that trusts its callers and passes variants on to one destination. */
export const experiments = createExperiments({
  experiments: { checkout: { id: EXPERIMENT_ID, variants: VARIANT_WEIGHTS } },
  trustInbound: true,
  propagateTo: ["http://payment.shop.internal"],
});

// why: the benchmarks also measure parts of the core, which the public type does not show
export const instance: Instance = Reflect.get(experiments, INSTANCE) as Instance;
