import { diag } from "@opentelemetry/api";
import type { ExperimentUsageErrorCode } from "./errors.ts";

/** A cause is named once a minute, however often it occurs. */
const QUIET_MS = 60_000;

/** Why something of ours speaks up. The list is closed, so that what clients send cannot fill the log. */
export type Cause =
  | ExperimentUsageErrorCode
  | "ambiguous-primary"
  | "own-bytes"
  | "no-scope"
  | "no-request"
  | "conflict"
  | "sensitive"
  | "targeting"
  | "assigner"
  | "store"
  | "override"
  | "no-exposure"
  | "flow"
  | "trust-predicate"
  | "destination-predicate"
  | "span"
  | "server-span"
  | "route"
  | "client-span"
  | "client-span-twice"
  | "meter"
  | "event"
  | "egress"
  | "untrusted"
  | "no-destination"
  | "taken-off"
  | "test-request"
  | "register"
  | "log"
  | "inbound"
  | "carrier";

const lastSpoken = new Map<Cause, number>();

/** Says something to the operator through OpenTelemetry's `diag`. Never throws, never writes to the console itself. */
export function warnOnce(cause: Cause, message: string, error?: unknown): void {
  if (!isDue(cause)) return;
  quietly(() => (error === undefined ? diag.warn(PREFIX + message) : diag.warn(PREFIX + message, error)));
}

/** The same, of what is as it should be unless somebody wonders why nothing happens. */
export function infoOnce(cause: Cause, message: string): void {
  if (isDue(cause)) quietly(() => diag.info(PREFIX + message));
}

const PREFIX = "otel-experiments: ";

function isDue(cause: Cause): boolean {
  const now = performance.now();
  const last = lastSpoken.get(cause);
  if (last !== undefined && now - last < QUIET_MS) return false;
  lastSpoken.set(cause, now);
  return true;
}

function quietly(speak: () => void): void {
  try {
    speak();
  } catch {
    // A diag logger that throws has nobody left to be told.
  }
}

/** Does what may fail in parts that are not ours; a failure is said, and what would have come of it is undefined. */
export function attempt<T>(cause: Cause, message: string, act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    warnOnce(cause, message, error);
    return undefined;
  }
}
