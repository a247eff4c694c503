import { type Context, context, propagation } from "@opentelemetry/api";
import { warnOnce } from "../checks/diagnostics.ts";

/** Which keys are ours. */
export interface OwnKeys {
  owns(key: string): boolean;
}

/**
 * A context without own members in OpenTelemetry's baggage, or undefined where there are none. What a request
 * passes on comes from its scope alone; OpenTelemetry's copy would travel past trust and past `propagateTo`.
 */
export function contextWithoutOwn(keys: OwnKeys, active: Context = context.active()): Context | undefined {
  try {
    return removeOwn(keys, active);
  } catch (error) {
    warnOnce("inbound", "OpenTelemetry's baggage could not be read", error);
    return undefined;
  }
}

/** The same. May throw what somebody's baggage throws. */
export function removeOwn(keys: OwnKeys, active: Context): Context | undefined {
  const baggage = propagation.getBaggage(active);
  if (baggage === undefined) return undefined;
  const own = baggage.getAllEntries().flatMap(([key]) => (keys.owns(key) ? [key] : []));
  return own.length === 0 ? undefined : propagation.setBaggage(active, baggage.removeEntries(...own));
}
