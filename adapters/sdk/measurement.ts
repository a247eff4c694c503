import { type Attributes, type Context, context } from "@opentelemetry/api";
import { isTracingSuppressed } from "@opentelemetry/core";
import { advise, latestScope, NO_ASSIGNMENT_PAIR, type RequestScope, withPair } from "../../src/signals.ts";

/**
 * The attributes of a measurement with the flat pair of its request: `none` where there is no request, nothing where the
 * caller names an experiment. What is measured under `suppressTracing` is telemetry's own traffic, and nobody's request.
 */
export function attributesWithPair(given: Attributes | undefined, active: Context | undefined): Attributes | undefined {
  try {
    return withPair(given, pairOf(active ?? context.active()));
  } catch (error) {
    advise("meter", "a measurement goes without its variant", error);
    return given;
  }
}

function pairOf(active: Context): Attributes {
  if (isTracingSuppressed(active)) return NO_ASSIGNMENT_PAIR;
  // Of several instances on one request, the latest that has a pair, as on spans.
  for (let scope: RequestScope | undefined = latestScope(active); scope !== undefined; scope = scope.outer) {
    if (scope.flat !== undefined) return scope.attributes;
  }
  return NO_ASSIGNMENT_PAIR;
}
