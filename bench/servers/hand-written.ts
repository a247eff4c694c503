import { context, propagation, trace } from "@opentelemetry/api";
import { getRPCMetadata } from "@opentelemetry/core";
import { NO_VARIANT } from "./cases.ts";

// The lines that a tutorial shows, with the attributes that the package writes. instrumentation-http has extracted.

const [VARIANT, ID] = ["experiment.checkout.variant", "experiment.checkout.id"];

/** Reads the variant from OpenTelemetry's baggage, and puts it on the server span. */
export function markServerSpan(): void {
  const active = context.active();
  const baggage = propagation.getBaggage(active);
  const variant = baggage?.getEntry(VARIANT)?.value;
  if (variant === undefined) return;
  const id = baggage?.getEntry(ID)?.value ?? "";
  const span = getRPCMetadata(active)?.span ?? trace.getSpan(active);
  span?.setAttributes({ [ID]: id, [VARIANT]: variant, "experiment.id": id, "experiment.variant": variant });
}

/** Reads the variant where a handler needs it. */
export function activeVariant(): string {
  return propagation.getActiveBaggage()?.getEntry(VARIANT)?.value ?? NO_VARIANT;
}
