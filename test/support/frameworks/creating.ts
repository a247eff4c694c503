import type { InboundHarness } from "otel-experiments/testing";
import { inboundHarnesses } from "./all.ts";

/** Every framework whose adapter creates the server span. Call it after the instrumentations are enabled. */
export function creatingHarnesses(): readonly InboundHarness[] {
  return inboundHarnesses({ serverSpan: "create" }).map((each) => ({ ...each, name: `${each.name}, created` }));
}
