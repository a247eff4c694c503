import { diag } from "@opentelemetry/api";
import { processWide } from "../process-wide.ts";
import { isServing, showOnce } from "./development.ts";
import type { ExperimentUsageErrorCode } from "./errors.ts";
import type { NoticeName } from "./notice-texts.ts";

/** Each cause is logged at most once in this time. */
const QUIET_MS = 60_000;

/** The cause of a message. The list is closed, so client input cannot fill the log. */
export type Cause =
  | ExperimentUsageErrorCode
  | "ambiguous-primary"
  | "own-bytes"
  | "no-scope"
  | "no-request"
  | "conflict"
  | "sensitive"
  | "targeting"
  | "subject"
  | "attributes"
  | "assigner"
  | "store"
  | "override"
  | "no-exposure"
  | "outcome-callback"
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
  | "header-block"
  | "test-request"
  | "register"
  | "log"
  | "inbound"
  | "carrier"
  | "READY"
  | NoticeName;

const lastSpoken = processWide("last-spoken.v1", () => new Map<Cause, number>());

/**
 * Warns through OpenTelemetry's `diag`, once a minute for each cause; in development without a `diag` logger by Node's
 * process warnings, once for each cause. Never throws, and writes nothing itself.
 */
export function warnOnce(cause: Cause, message: string, error?: unknown): void {
  if (isServing() && !HAS_NOTICE.has(cause))
    quietly(() => showOnce("OtelExperimentsWarning", codeOf(cause), withReason(message, error)));
  if (!isDue(cause)) return;
  quietly(() => (error === undefined ? diag.warn(PREFIX + message) : diag.warn(PREFIX + message, error)));
}

/** The same as `diag.info`: expected behaviour that explains why nothing happens. */
export function infoOnce(cause: Cause, message: string): void {
  if (isDue(cause)) quietly(() => diag.info(PREFIX + message));
}

/** On the terminal, a notice says it better. */
const HAS_NOTICE: ReadonlySet<Cause> = new Set(["no-scope", "no-destination"]);

function codeOf(cause: Cause): string {
  return `OTEL_EXPERIMENTS_${cause.toUpperCase().replaceAll("-", "_")}`;
}

function withReason(message: string, error: unknown): string {
  return error instanceof Error ? `${message}: ${error.message}` : message;
}

const PREFIX = "otel-experiments: ";

function isDue(cause: Cause): boolean {
  const now = performance.now();
  const last = lastSpoken().get(cause);
  if (last !== undefined && now - last < QUIET_MS) return false;
  lastSpoken().set(cause, now);
  return true;
}

function quietly(speak: () => void): void {
  try {
    speak();
  } catch {
    // The diag logger itself throws: there is no other place to report it.
  }
}

/** Calls foreign code that may throw. If it throws, the error goes to `warnOnce` and the result is undefined. */
export function attempt<T>(cause: Cause, message: string, act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    warnOnce(cause, message, error);
    return undefined;
  }
}
