import { type Context, context, propagation } from "@opentelemetry/api";
import type { OwnMemberReader } from "../baggage/own.ts";
import { advise } from "../telemetry/diagnostics.ts";

/**
 * A context without own members in OpenTelemetry's baggage, or undefined where there are none. What a request
 * passes on comes from its scope alone; OpenTelemetry's copy would travel past trust and past `propagateTo`.
 */
export function contextWithoutOwn(reader: OwnMemberReader, active: Context = context.active()): Context | undefined {
  try {
    const baggage = propagation.getBaggage(active);
    if (baggage === undefined) return undefined;
    const own = baggage.getAllEntries().flatMap(([key]) => (reader.owns(key) ? [key] : []));
    return own.length === 0 ? undefined : propagation.setBaggage(active, baggage.removeEntries(...own));
  } catch (error) {
    advise("inbound", "OpenTelemetry's baggage could not be read", error);
    return undefined;
  }
}
