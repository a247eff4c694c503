import { writeSync } from "node:fs";
import { diag } from "@opentelemetry/api";
import { API } from "./api-globals.ts";

const STDERR = 2;

/**
 * Says something while the process is set up: through OpenTelemetry's `diag` where somebody listens to it, else in one
 * line on stderr, since before OpenTelemetry's own start nobody can.
 */
export function announce(message: string): void {
  const line = `otel-experiments: ${message}`;
  try {
    if (hasDiagLogger()) diag.warn(line);
    else writeSync(STDERR, `${line}\n`);
  } catch {
    // A process whose stderr is closed has nobody to be told.
  }
}

/** `diag` does not say; the API registers its logger beside its other parts. */
function hasDiagLogger(): boolean {
  const registry: unknown = Reflect.get(globalThis, API);
  return typeof registry === "object" && registry !== null && Reflect.get(registry, "diag") !== undefined;
}
