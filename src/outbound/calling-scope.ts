import { context } from "@opentelemetry/api";
import { isTracingSuppressed } from "@opentelemetry/core";
import { latestScope } from "../scope/finding.ts";
import type { RequestScope } from "../scope/request-scope.ts";

/**
 * The scope of the code that makes an outgoing request right now. Under `suppressTracing` it is nobody's: that is how
 * OpenTelemetry's exporters send, from timers in the async context of whichever request has set them.
 */
export function callingScope(): RequestScope | undefined {
  return isTracingSuppressed(context.active()) ? undefined : latestScope();
}
