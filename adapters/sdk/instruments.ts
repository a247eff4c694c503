import { describeValue, ExperimentConfigError, listOf, SCOPE_NAME } from "../../src/sdk-adapter.ts";

/** Semantic conventions for HTTP, HTTP server metrics. */
export const SERVER_DURATION = "http.server.request.duration";

/** Who records it in the context of the request. */
export const HTTP_METER = "@opentelemetry/instrumentation-http";

const UNDICI_METER = "@opentelemetry/instrumentation-undici";

/** Semantic conventions for HTTP, HTTP client metrics. */
export const CLIENT_DURATION = "http.client.request.duration";

/** Meters that are left alone: our own, whose measurements have their pair already, and undici's, see below. */
export const METERS_LEFT_ALONE: ReadonlySet<string> = new Set([SCOPE_NAME, UNDICI_METER]);

/** OpenTelemetry API, instrument name syntax. */
const INSTRUMENT_NAME = /^[A-Za-z][A-Za-z0-9_./-]{0,254}$/;

/**
 * The names of instruments that a user wants the pair on.
 *
 * @throws ExperimentConfigError
 */
export function instrumentNames(given: unknown): ReadonlySet<string> {
  const names = listOf(
    "instruments",
    given,
    isInstrumentName,
    'the whole names of instruments, such as "orders.placed" (no pattern: it would select what belongs to no request)',
  );
  if (names?.includes(CLIENT_DURATION) === true) {
    throw clientDurationError(
      "instruments holds",
      "leave it out, and use experimentFetch or experimentInterceptor with spans: true, which measure it rightly",
    );
  }
  return new Set(names);
}

/**
 * instrumentation-undici records the client's duration in the async context of a pooled socket: the pair found there is
 * some other request's.
 *
 * @param mend what to do instead
 */
export function clientDurationError(what: string, mend: string): ExperimentConfigError {
  return new ExperimentConfigError(
    "ERR_OPTION_VALUE",
    `${what} ${CLIENT_DURATION}, which undici's instrumentation measures in the context of another request; ${mend}`,
  );
}

/** What a View selects instruments by. */
export interface InstrumentSelector {
  readonly instrumentName?: string | undefined;
  /** The SDK's `InstrumentType`, such as `"HISTOGRAM"`. */
  readonly instrumentType?: unknown;
  readonly instrumentUnit?: string | undefined;
  readonly meterName?: string | undefined;
}

/**
 * Whether a View would select undici's client duration.
 *
 * @throws ExperimentConfigError where a selector is no text
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

/** As a View's selector does it, except that each asterisk is a wildcard here. */
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
