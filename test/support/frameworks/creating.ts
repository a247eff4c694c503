import type { InboundHarness } from "otel-experiments/testing";
import { inboundHarnesses } from "./all.ts";

/** Every framework with an adapter that makes the server span. To be called once the instrumentations are in place. */
export function creatingHarnesses(): readonly InboundHarness[] {
  return inboundHarnesses({ serverSpan: "create" }).map((each) => ({ ...each, name: `${each.name}, created` }));
}
