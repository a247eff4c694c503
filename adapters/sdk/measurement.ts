import { type Attributes, type Context, context } from "@opentelemetry/api";
import { isTracingSuppressed } from "@opentelemetry/core";
import { latestScope, metricPairOf, warnOnce, withPair } from "../../src/sdk-adapter.ts";

/**
 * The attributes of a measurement with the flat pair of its request. Outside of a request the pair is `none`. If the
 * caller names an experiment, no pair is added. Measurements under `suppressTracing` are telemetry's own traffic and
 * belong to no request.
 */
export function attributesWithPair(given: Attributes | undefined, active: Context | undefined): Attributes | undefined {
  try {
    return withPair(given, pairOf(active ?? context.active()));
  } catch (error) {
    warnOnce("meter", "a measurement goes without its variant", error);
    return given;
  }
}

function pairOf(active: Context): Attributes {
  return metricPairOf(isTracingSuppressed(active) ? undefined : latestScope(active));
}
