import { type Context, context, propagation } from "@opentelemetry/api";
import { warnOnce } from "../checks/diagnostics.ts";

/** Tells own keys from foreign ones. */
export interface OwnKeys {
  owns(key: string): boolean;
}

/**
 * A context without own members in OpenTelemetry's baggage; undefined if there are none to remove. A request passes own
 * members on from its scope alone: OpenTelemetry's copy would bypass `trustInbound` and `propagateTo`.
 */
export function contextWithoutOwn(keys: OwnKeys, active: Context = context.active()): Context | undefined {
  try {
    return removeOwn(keys, active);
  } catch (error) {
    warnOnce("inbound", "OpenTelemetry's baggage could not be read", error);
    return undefined;
  }
}

/** Like `contextWithoutOwn`, but throws if the baggage throws. */
export function removeOwn(keys: OwnKeys, active: Context): Context | undefined {
  const baggage = propagation.getBaggage(active);
  if (baggage === undefined) return undefined;
  let own: string[] | undefined;
  for (const [key] of baggage.getAllEntries()) if (keys.owns(key)) (own ??= []).push(key);
  return own === undefined ? undefined : propagation.setBaggage(active, baggage.removeEntries(...own));
}
