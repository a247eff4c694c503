import { diag } from "@opentelemetry/api";

/** A cause is named once a minute, however often it occurs. */
const QUIET_MS = 60_000;

/** Why something of ours speaks up. The list is closed, so that what clients send cannot fill the log. */
export type Cause =
  | "ambiguous-primary"
  | "own-bytes"
  | "no-scope"
  | "usage"
  | "conflict"
  | "trust-predicate"
  | "destination-predicate"
  | "span"
  | "meter"
  | "egress"
  | "inbound";

const lastSpoken = new Map<Cause, number>();

/** Says something to the operator through OpenTelemetry's `diag`. Never throws, never writes to the console itself. */
export function advise(cause: Cause, message: string, error?: unknown): void {
  const now = performance.now();
  const last = lastSpoken.get(cause);
  if (last !== undefined && now - last < QUIET_MS) return;
  lastSpoken.set(cause, now);
  try {
    if (error === undefined) diag.warn(`otel-experiments: ${message}`);
    else diag.warn(`otel-experiments: ${message}`, error);
  } catch {
    // A diag logger that throws has nobody left to be told.
  }
}
