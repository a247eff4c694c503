import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { UndiciInstrumentation } from "@opentelemetry/instrumentation-undici";

/** OpenTelemetry's instrumentations of HTTP clients. */
export type InstrumentationName = "undici" | "http";

/** The result of `enable`. */
export interface Instrumentation {
  enable(): void;
  disable(): void;
}

/** Switches an instrumentation on. That of HTTP patches what is required from then on. */
export function enable(name: InstrumentationName): Instrumentation {
  return name === "undici" ? new UndiciInstrumentation() : new HttpInstrumentation();
}
