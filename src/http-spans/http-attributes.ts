import type { Attributes } from "@opentelemetry/api";
import { variableIn } from "../checks/own-option.ts";
import { propertyOf } from "../checks/property.ts";
import { isTokenShaped } from "../override/token.ts";

// Attributes that servers and clients share, by OpenTelemetry's HTTP semantic conventions.
// https://opentelemetry.io/docs/specs/semconv/http/

/** The bounds in seconds that the conventions advise for requests. The SDK's default bounds are for milliseconds. */
export const DURATION_BOUNDARIES: readonly number[] = [
  0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
];

/** Replaces a secret. */
export const REDACTED = "REDACTED";

/** Replaces a value that would add a series. */
const OTHER = "_OTHER";

/** The methods of RFC 9110, PATCH and QUERY. */
const METHODS = ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"];

/** The variable that replaces `METHODS`, by the conventions: all known methods, comma-separated. */
const METHODS_VARIABLE = "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS";

let knownMethods: ReadonlySet<string> | undefined;

function isKnown(method: string): boolean {
  knownMethods ??= readMethods(variableIn(process.env, METHODS_VARIABLE) ?? "");
  return knownMethods.has(method);
}

function readMethods(list: string): ReadonlySet<string> {
  return new Set(list.trim() === "" ? METHODS : list.split(",").map((name) => name.trim()));
}

/** The method as an attribute with few values: `_OTHER` if it is unknown. Methods are case-sensitive. */
export function methodOf(method: string): string {
  return isKnown(method) ? method : OTHER;
}

/** The attributes of a span for its request's method. */
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

/** Parameters whose values the conventions redact in `url.query` and `url.full`, and Amazon's newer signature. */
const SECRET_PARAMETERS: ReadonlySet<string> = new Set([
  "AWSAccessKeyId",
  "Signature",
  "sig",
  "X-Goog-Signature",
  "X-Amz-Signature",
  "X-Amz-Credential",
  "X-Amz-Security-Token",
]);

/** Redacts the secrets and the signed overrides in a query without its `?`. Everything else stays byte for byte. */
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

/** Tests a text as it is, and percent-decoded, as a server reads it. */
function isOneOf(text: string, is: (text: string) => boolean): boolean {
  if (is(text)) return true;
  if (!text.includes("%")) return false;
  try {
    return is(decodeURIComponent(text));
  } catch {
    return false;
  }
}

/** `url.full`: the whole URL, with credentials and secrets redacted. */
export function redactUrl({ protocol, username, password, host, pathname, search, hash }: URL): string {
  const credentials = username === "" && password === "" ? "" : `${REDACTED}:${REDACTED}@`;
  const query = search === "" ? "" : `?${redactQuery(search.slice(1))}`;
  return `${protocol}//${credentials}${host}${pathname}${query}${hash}`;
}

/** The form of an error's name or code. Other texts, such as messages, could have any number of values. */
const ERROR_NAME = /^[A-Za-z_$][\w$.-]{0,63}$/;

/** `error.type` of a thrown value: its code, else its name, else `_OTHER`. */
export function errorType(error: unknown): string {
  const names = [textIn(error, "code"), textIn(error, "name")];
  return names.find((name) => name !== undefined && ERROR_NAME.test(name)) ?? OTHER;
}

/** The message of a thrown value, if it has one. */
export function errorMessage(error: unknown): string | undefined {
  return textIn(error, "message");
}

function textIn(error: unknown, name: string): string | undefined {
  const text = propertyOf(error, name);
  return typeof text === "string" ? text : undefined;
}
