import { context } from "@opentelemetry/api";
import { isTracingSuppressed } from "@opentelemetry/core";
import { latestScope } from "../scope/finding.ts";
import type { RequestScope } from "../scope/request-scope.ts";

/**
 * The latest scope of the code that is making an outgoing request. Undefined under `suppressTracing`: OpenTelemetry's
 * exporters send under it, from timers that run in the async context of the request that started them.
 */
export function callingScope(): RequestScope | undefined {
  return isTracingSuppressed(context.active()) ? undefined : latestScope();
}
