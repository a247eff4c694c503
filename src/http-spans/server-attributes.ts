import { isIP } from "node:net";
import type { Attributes } from "@opentelemetry/api";
import type { ArrivedRequest, HeaderGetter } from "../http/shapes.ts";
import { methodAttributes, redactQuery } from "./http-attributes.ts";

/** A request, as far as its span and duration describe it. */
export interface DescribedRequest {
  readonly header: HeaderGetter;
  readonly peer: string | undefined;
  /** The request target as it came in, if the framework shortens `request.url`; or the whole URL. */
  readonly url?: string | undefined;
  readonly request: ArrivedRequest & {
    readonly headers?: object | undefined;
    readonly httpVersion?: string | undefined;
  };
}

/** The request's method; GET if it has none. */
export function methodIn({ request }: DescribedRequest): string {
  return request.method ?? "GET";
}

/**
 * The attributes with which a SERVER span starts. If proxies name the original client, host and scheme, those are used,
 * as the conventions ask. Senders can forge them: they are span attributes only; nothing is trusted by them, and only
 * the scheme reaches a metric.
 * https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server-span
 */
export function serverAttributes(described: DescribedRequest): Attributes {
  const { header, peer, request } = described;
  const forwarded = readForwarded(first(header, "forwarded"));
  const scheme = schemeIn(described, forwarded);
  const { path, query } = splitTarget(described.url ?? request.originalUrl ?? request.url ?? "/");
  const server = splitHost(forwarded.get("host") ?? first(header, "x-forwarded-host") ?? authority(header));
  return {
    ...methodAttributes(methodIn(described)),
    "url.scheme": scheme,
    "url.path": path,
    ...(query === undefined ? {} : { "url.query": redactQuery(query) }),
    ...(server === undefined
      ? {}
      : {
          "server.address": server.address,
          "server.port": server.port ?? (scheme === "https" ? 443 : 80),
        }),
    ...optional("client.address", addressIn(forwarded.get("for") ?? first(header, "x-forwarded-for")) ?? peer),
    ...optional("network.peer.address", peer),
    ...optional("network.peer.port", peer === undefined ? undefined : request.socket?.remotePort),
    ...optional("network.protocol.version", protocolVersion(request.httpVersion)),
    ...optional("user_agent.original", first(header, "user-agent")),
  };
}

/** The request's attributes on `http.server.request.duration`: only those with few values, whatever clients send. */
export function durationAttributes(described: DescribedRequest): Attributes {
  const { "http.request.method": method } = methodAttributes(methodIn(described));
  return {
    ...optional("http.request.method", method),
    "url.scheme": schemeIn(described),
    ...optional("network.protocol.version", protocolVersion(described.request.httpVersion)),
  };
}

function optional(name: string, value: Attributes[string]): Attributes {
  return value === undefined ? {} : { [name]: value };
}

/** The first value of a header. Proxies append further values. */
function first(header: HeaderGetter, name: string): string | undefined {
  const received = header(name);
  return typeof received === "object" ? received[0] : received;
}

/** HTTP/2 sends the pseudo-header `:authority` (RFC 9113, section 8.3.1), mostly without `host`. */
function authority(header: HeaderGetter): string | undefined {
  return first(header, ":authority") ?? first(header, "host");
}

function schemeIn(
  { header, url = "", request }: DescribedRequest,
  forwarded = readForwarded(first(header, "forwarded")),
): "http" | "https" {
  const named = forwarded.get("proto") ?? first(header, "x-forwarded-proto");
  const scheme = named?.split(",", 1)[0]?.trim().toLowerCase();
  if (scheme === "http" || scheme === "https") return scheme;
  if (url.startsWith("https:")) return "https";
  const { socket } = request;
  return socket !== undefined && "encrypted" in socket && socket.encrypted === true ? "https" : "http";
}

/** The conventions write the versions of HTTP as 1.0, 1.1, 2 and 3. */
function protocolVersion(version: string | undefined): string | undefined {
  return version === "2.0" || version === "3.0" ? version[0] : version;
}

const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i;

/** Path and query of a request target in origin form, absolute form or asterisk form. */
function splitTarget(target: string): { readonly path: string; readonly query: string | undefined } {
  const [whole = ""] = target.replace(ORIGIN, "").split("#", 1);
  const mark = whole.indexOf("?");
  if (mark === -1) return { path: whole === "" ? "/" : whole, query: undefined };
  return { path: mark === 0 ? "/" : whole.slice(0, mark), query: whole.slice(mark + 1) };
}

const HOST = /^(\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,253})(?::(\d{1,5}))?$/i;

function splitHost(
  host: string | undefined,
): { readonly address: string; readonly port: number | undefined } | undefined {
  const [, name, port] = HOST.exec(host?.split(",", 1)[0]?.trim() ?? "") ?? [];
  if (name === undefined) return undefined;
  return {
    address: name.startsWith("[") ? name.slice(1, -1) : name,
    port: port === undefined ? undefined : Number(port),
  };
}

/** The address of the first client in a list, without its port; undefined if a name stands in for the address. */
function addressIn(list: string | undefined): string | undefined {
  const entry = list?.split(",", 1)[0]?.trim() ?? "";
  if (isIP(entry) !== 0) return entry;
  const address = splitHost(entry)?.address ?? "";
  return isIP(address) === 0 ? undefined : address;
}

/** The first element of a `Forwarded` header, written by the outermost proxy: RFC 7239, section 4. Linear. */
function readForwarded(header: string | undefined): ReadonlyMap<string, string> {
  if (header === undefined) return NO_PAIRS;
  const pairs = new Map<string, string>();
  for (let at = 0; at < header.length; ) {
    const equals = header.indexOf("=", at);
    const name = equals === -1 ? "" : header.slice(at, equals).trim();
    if (!PARAMETER.test(name)) break;
    const start = skipSpace(header, equals + 1);
    const isQuoted = header.startsWith('"', start);
    const end = isQuoted ? endOfQuoted(header, start) : endOfToken(header, start);
    const next = skipSpace(header, end);
    const isLast = next >= header.length || header.startsWith(",", next);
    if (end === -1 || !(isLast || header.startsWith(";", next))) break;
    pairs.set(name.toLowerCase(), isQuoted ? header.slice(start + 1, end - 1) : header.slice(start, end));
    if (isLast) break;
    at = next + 1;
  }
  return pairs;
}

const NO_PAIRS: ReadonlyMap<string, string> = new Map();

const PARAMETER = /^[a-z]+$/i;

/** The index of the first character that is no space and no tab. */
function skipSpace(text: string, start: number): number {
  let at = start;
  while (text.startsWith(" ", at) || text.startsWith("\t", at)) at++;
  return at;
}

/** The index after the closing quotation mark; -1 if there is none. A backslash takes the next character with it. */
function endOfQuoted(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text.startsWith('"', at)) return at + 1;
    if (text.startsWith("\\", at)) at++;
  }
  return -1;
}

/** The index after a value without quotation marks, which may be empty. */
function endOfToken(text: string, start: number): number {
  let at = start;
  while (at < text.length && !' \t;,"'.includes(text.charAt(at))) at++;
  return at;
}
