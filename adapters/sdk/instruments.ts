import { describeValue, ExperimentConfigError, listOf, SCOPE_NAME } from "../../src/sdk-adapter.ts";

/** Semantic conventions for HTTP, HTTP server metrics. */
export const SERVER_DURATION = "http.server.request.duration";

/** The meter that records {@link SERVER_DURATION} in the request's context. */
export const HTTP_METER = "@opentelemetry/instrumentation-http";

const UNDICI_METER = "@opentelemetry/instrumentation-undici";

/** Semantic conventions for HTTP, HTTP client metrics. */
export const CLIENT_DURATION = "http.client.request.duration";

/** Meters that stay unchanged: the own one, whose measurements already have their pair, and undici's (see below). */
export const METERS_LEFT_ALONE: ReadonlySet<string> = new Set([SCOPE_NAME, UNDICI_METER]);

/** OpenTelemetry API, instrument name syntax. */
const INSTRUMENT_NAME = /^[A-Za-z][A-Za-z0-9_./-]{0,254}$/;

/**
 * Checks the names of the instruments that get the pair.
 *
 * @throws ExperimentConfigError
 */
export function instrumentNames(given: unknown): ReadonlySet<string> {
  const names = listOf(
    "instruments",
    given,
    isInstrumentName,
    'the whole names of instruments, such as "orders.placed" (no patterns: they would also select instruments outside of requests)',
  );
  if (names?.includes(CLIENT_DURATION) === true) {
    throw clientDurationError(
      "instruments holds",
      "leave it out, and use experimentFetch or experimentInterceptor with spans: true, which measure it in the right context",
    );
  }
  return new Set(names);
}

/**
 * The error for instruments that include the client duration. instrumentation-undici records it in the async context of
 * a pooled socket, so the pair in that context is another request's.
 *
 * @param fix what to do instead
 */
export function clientDurationError(what: string, fix: string): ExperimentConfigError {
  return new ExperimentConfigError(
    "ERR_OPTION_VALUE",
    `${what} ${CLIENT_DURATION}, which undici's instrumentation measures in the context of another request; ${fix}`,
  );
}

/** The fields by which a View selects instruments. */
export interface InstrumentSelector {
  readonly instrumentName?: string | undefined;
  /** The SDK's `InstrumentType`, such as `"HISTOGRAM"`. */
  readonly instrumentType?: unknown;
  readonly instrumentUnit?: string | undefined;
  readonly meterName?: string | undefined;
}

/**
 * True if a View would select undici's client duration.
 *
 * @throws ExperimentConfigError if a selector is not a text
 */
export function selectsClientDuration(selector: InstrumentSelector): boolean {
  const { instrumentName = "*", instrumentType, instrumentUnit, meterName } = selector;
  if (typeof instrumentName !== "string") {
    throw new ExperimentConfigError(
      "ERR_OPTION_VALUE",
      `instrumentName is ${describeValue(instrumentName)}; write a name`,
    );
  }
  return (
    matches(instrumentName, CLIENT_DURATION) &&
    (instrumentType === undefined || instrumentType === "HISTOGRAM") &&
    (instrumentUnit === undefined || instrumentUnit === "s") &&
    (meterName === undefined || meterName === UNDICI_METER)
  );
}

/** Matches as a View's selector does, except that each asterisk is a wildcard here. */
function matches(pattern: string, name: string): boolean {
  const [start = "", ...rest] = pattern.split("*");
  const end = rest.pop();
  if (end === undefined) return pattern === name;
  if (!name.startsWith(start) || !name.endsWith(end) || name.length < start.length + end.length) return false;
  let middle = name.slice(start.length, name.length - end.length);
  for (const part of rest) {
    const at = middle.indexOf(part);
    if (at < 0) return false;
    middle = middle.slice(at + part.length);
  }
  return true;
}

export function isInstrumentName(value: unknown): value is string {
  return typeof value === "string" && INSTRUMENT_NAME.test(value);
}
