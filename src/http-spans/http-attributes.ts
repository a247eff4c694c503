import type { Attributes } from "@opentelemetry/api";
import { propertyOf } from "../checks/property.ts";
import { isTokenShaped } from "../override/token.ts";

// What spans and durations of servers and of clients have in common, by OpenTelemetry's HTTP semantic conventions.
// https://opentelemetry.io/docs/specs/semconv/http/

/** The bounds, in seconds, that the conventions advise for durations of requests. The SDK's default ones are for milliseconds. */
export const DURATION_BOUNDARIES: readonly number[] = [
  0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
];

/** What stands in place of a secret. */
export const REDACTED = "REDACTED";

/** What stands in place of a value that would add a series. */
const OTHER = "_OTHER";

/** RFC 9110, PATCH and QUERY. */
const METHODS = ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"];

/** The conventions name the variable by which a process knows other methods: all of them, comma-separated. */
const METHODS_VARIABLE = "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS";

let knownMethods: ReadonlySet<string> | undefined;

function isKnown(method: string): boolean {
  knownMethods ??= readMethods(process.env[METHODS_VARIABLE] ?? "");
  return knownMethods.has(method);
}

function readMethods(list: string): ReadonlySet<string> {
  return new Set(list.trim() === "" ? METHODS : list.split(",").map((name) => name.trim()));
}

/** The method as an attribute with few values: `_OTHER` for what is not known. Methods are case-sensitive. */
export function methodOf(method: string): string {
  return isKnown(method) ? method : OTHER;
}

/** The attributes that a span has of its request's method. */
export function methodAttributes(method: string): Attributes {
  return isKnown(method)
    ? { "http.request.method": method }
    : { "http.request.method": OTHER, "http.request.method_original": method };
}

/** The name of a span: method and target, which is a route or a template with few values. */
export function spanName(method: string, target?: string): string {
  const name = isKnown(method) ? method : "HTTP";
  return target === undefined ? name : `${name} ${target}`;
}

/** The parameters whose values the conventions keep out of `url.query` and `url.full`, and Amazon's newer signature. */
const SECRET_PARAMETERS: ReadonlySet<string> = new Set([
  "AWSAccessKeyId",
  "Signature",
  "sig",
  "X-Goog-Signature",
  "X-Amz-Signature",
  "X-Amz-Credential",
  "X-Amz-Security-Token",
]);

/** A query, without its `?`, whose secrets are redacted, overrides of ours among them. Everything else stays byte for byte. */
export function redactQuery(query: string): string {
  if (query === "") return query;
  return query
    .split("&")
    .map((parameter) => {
      const end = parameter.indexOf("=");
      if (end === -1) return parameter;
      const [key, value] = [parameter.slice(0, end), parameter.slice(end + 1)];
      return isOneOf(key, isSecretParameter) || isOneOf(value, isTokenShaped) ? `${key}=${REDACTED}` : parameter;
    })
    .join("&");
}

const isSecretParameter = (key: string): boolean => SECRET_PARAMETERS.has(key);

/** A text counts as a server would read it. */
function isOneOf(text: string, is: (text: string) => boolean): boolean {
  if (is(text)) return true;
  if (!text.includes("%")) return false;
  try {
    return is(decodeURIComponent(text));
  } catch {
    return false;
  }
}

/** `url.full`: the whole URL, whose credentials and secrets are redacted. */
export function redactUrl({ protocol, username, password, host, pathname, search, hash }: URL): string {
  const credentials = username === "" && password === "" ? "" : `${REDACTED}:${REDACTED}@`;
  const query = search === "" ? "" : `?${redactQuery(search.slice(1))}`;
  return `${protocol}//${credentials}${host}${pathname}${query}${hash}`;
}

/** What may be a name of an error or a code: an application's own words have any number of values. */
const ERROR_NAME = /^[A-Za-z_$][\w$.-]{0,63}$/;

/** `error.type` of something that was thrown: its code, else its name. */
export function errorType(error: unknown): string {
  const names = [textIn(error, "code"), textIn(error, "name")];
  return names.find((name) => name !== undefined && ERROR_NAME.test(name)) ?? OTHER;
}

/** What an error says of itself. */
export function errorMessage(error: unknown): string | undefined {
  return textIn(error, "message");
}

/** Whoever aborts or destroys may give anything, also what throws when it is looked at. */
function textIn(error: unknown, name: string): string | undefined {
  const text = propertyOf(error, name);
  return typeof text === "string" ? text : undefined;
}
