import { attempt } from "../checks/diagnostics.ts";
import { isName, linesOf } from "../http/header-parts.ts";
import { defineOwnMethod } from "../http/own-method.ts";
import type { ResponseCookie } from "../http/shapes.ts";
import { processWide } from "../process-wide.ts";

/** The part of node:http's response that has the headers; HTTP/2's is the same. */
interface HeaderedResponse {
  readonly headersSent?: boolean | undefined;
  getHeader(name: string): unknown;
  setHeader(name: string, value: string[]): unknown;
  removeHeader(name: string): unknown;
  writeHead(...given: unknown[]): unknown;
}

/** The cookies that each response is to have when its headers are written, by name. */
const kept = processWide("response-cookies.v2", () => new WeakMap<object, Map<string, ResponseCookie>>());

/** Adds a `Set-Cookie` line to node:http's response. False if the headers are already sent. */
export function setCookie(response: HeaderedResponse, name: string, line: string): boolean {
  if (response.headersSent === true) return false;
  response.setHeader("set-cookie", withCookie(response.getHeader("set-cookie"), name, line));
  return true;
}

/** The `Set-Cookie` lines of a response with one more, which replaces an earlier one for the same cookie. */
export function withCookie(lines: unknown, name: string, line: string): string[] {
  return [...linesOf(lines).filter((other) => !other.startsWith(`${name}=`)), line];
}

/**
 * Makes node:http's response set a cookie when its headers are written: code that replaces `set-cookie` takes other lines
 * away without knowing. A response that a shared cache may keep loses the cookie then. Without effect on a response of
 * another kind. Never throws.
 */
export function keepCookie(response: object, cookie: ResponseCookie): void {
  attempt("store", "the cookies of a response could not be kept", () => {
    const cookies = kept().get(response);
    if (cookies !== undefined) cookies.set(cookie.name, cookie);
    else if (isHeadered(response)) guardHead(response, new Map([[cookie.name, cookie]]));
  });
}

function guardHead(response: HeaderedResponse, cookies: Map<string, ResponseCookie>): void {
  const { writeHead } = response;
  defineOwnMethod(response, "writeHead", function writeHeadWithCookies(this: unknown, ...given) {
    const completed = attempt("store", "the cookies of a response could not be kept", () =>
      response.headersSent === true ? given : withCookies(response, cookies, given),
    );
    return Reflect.apply(writeHead, this, completed ?? given);
  });
  kept().set(response, cookies);
}

/** The arguments of `writeHead`, `(status, headers?)` or `(status, message, headers?)`, with the cookies added or removed. */
function withCookies(
  response: HeaderedResponse,
  cookies: ReadonlyMap<string, ResponseCookie>,
  given: readonly unknown[],
): readonly unknown[] {
  const at = typeof given[1] === "string" || given[2] !== undefined ? 2 : 1;
  const headers = given[at];
  const pairs = pairsOf(headers);
  const inCall = pairs.filter(([name]) => isName(name, "set-cookie")).flatMap(([, value]) => linesOf(value));
  const present = inCall.length > 0 ? inCall : linesOf(response.getHeader("set-cookie"));
  const others = present.filter((line) => !cookies.has(line.slice(0, line.indexOf("="))));
  const valueOf = (name: string): string =>
    linesOf(pairs.findLast(([other]) => isName(other, name))?.[1] ?? response.getHeader(name)).join(",");
  const ours = isShareable(valueOf) ? [] : [...cookies.values()];
  for (const { sent } of ours) sent?.();
  if (present.length - others.length === ours.length) return given;
  response.removeHeader("set-cookie");
  const lines = [...others, ...ours.map(({ line }) => line)];
  if (lines.length > 0) response.setHeader("set-cookie", lines);
  if (inCall.length === 0 && !Array.isArray(headers)) return given;
  const left = pairs.filter(([name]) => !isName(name, "set-cookie"));
  return given.toSpliced(at, 1, Array.isArray(headers) ? left.flat() : Object.fromEntries(left));
}

/** The pairs of headers that are an object, a list of pairs, or a list of names and values in turn. */
function pairsOf(headers: unknown): [unknown, unknown][] {
  if (typeof headers !== "object" || headers === null) return [];
  if (!Array.isArray(headers)) return Object.entries(headers);
  const list: readonly unknown[] = Array.isArray(headers[0]) ? headers.flat() : headers;
  return list.flatMap((name, i) => (i % 2 === 0 ? [[name, list[i + 1]] satisfies [unknown, unknown]] : []));
}

/**
 * Whether a response says that a shared cache may keep it (RFC 9111, section 3): the cookie in it would reach every
 * visitor. A response that says nothing counts as not shareable.
 */
function isShareable(valueOf: (name: string) => string): boolean {
  if (valueOf("cdn-cache-control") !== "" || valueOf("surrogate-control") !== "") return true;
  const control = valueOf("cache-control").toLowerCase();
  if (/private|no-store|no-cache/.test(control)) return false;
  return /public|s-maxage|max-age=0*[1-9]/.test(control) || Date.parse(valueOf("expires")) > Date.now();
}

function isHeadered(response: object): response is HeaderedResponse {
  return ["writeHead", "getHeader", "setHeader", "removeHeader"].every(
    (name) => typeof Reflect.get(response, name) === "function",
  );
}
