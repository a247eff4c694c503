import { writeSync } from "node:fs";
import { diag } from "@opentelemetry/api";
import { API } from "../../../src/sdk-adapter.ts";

const STDERR = 2;

/**
 * Reports a problem while the process is set up: through OpenTelemetry's `diag` if a logger is set, else as one line on
 * stderr, because before OpenTelemetry's start no logger can be set.
 */
export function announce(message: string): void {
  const line = `otel-experiments: ${message}`;
  try {
    if (hasDiagLogger()) diag.warn(line);
    else writeSync(STDERR, `${line}\n`);
  } catch {
    // The process's stderr is closed: there is no other place to report to.
  }
}

/** `diag` does not tell if it has a logger. The API registers the logger beside its other parts. */
function hasDiagLogger(): boolean {
  const registry: unknown = Reflect.get(globalThis, API);
  return typeof registry === "object" && registry !== null && Reflect.get(registry, "diag") !== undefined;
}
