import type { ClientRequest } from "node:http";
import { setBounded } from "../checks/bounded-map.ts";
import { Destination, isOrigin } from "../policy/destination.ts";

/**
 * The destination to which Node connects, and with it the target that an absolute form names. The user's code can set the
 * Host header to any value, so it is not read. Node 22 does not show the authority's port, so the destination is unknown
 * there, and no own members are written.
 */
export function destinationOfHttp(request: ClientRequest, method: string, target: string): Destination | undefined {
  const { protocol } = request;
  const agent: unknown = Reflect.get(request, "agent");
  if (leadsElsewhere(agent, protocol)) return undefined;
  if (method === "CONNECT" || ("socketPath" in request && request.socketPath)) return undefined;
  const named = originOf(request);
  const proxy = target.startsWith("/") ? undefined : proxyOf(agent);
  if (proxy === undefined) {
    if (named === undefined) return undefined;
    if (target.startsWith("/")) return new Destination(named, target);
    return Destination.absolute(target, new Destination(named, "/"));
  }
  const destination = Destination.absolute(target, new Destination(proxy.origin, "/"));
  // Node's agents connect to the authority where NO_PROXY says so.
  const isHidden = named === undefined && authorityKey === undefined && !proxy.isOptional;
  return isHidden || destination?.origin === named ? destination : undefined;
}

/** Whether the agent's host, port, socket path or default port replaces the request's. */
function leadsElsewhere(agent: unknown, protocol: string): boolean {
  if (typeof agent !== "object" || agent === null) return false;
  const options: unknown = Reflect.get(agent, "options");
  if (typeof options === "object" && options !== null) {
    if (isGiven(options, "host") || isGiven(options, "port") || isGiven(options, "socketPath")) return true;
  }
  // An inherited getter of a proxy's agent does not count: it computes the port for the agent's own use.
  if (!Object.hasOwn(agent, "defaultPort")) return false;
  return Number(Reflect.get(agent, "defaultPort")) !== (protocol === "https:" ? 443 : 80);
}

function isGiven(options: object, name: string): boolean {
  const value: unknown = Reflect.get(options, name);
  return value !== undefined && value !== null;
}

interface AgentProxy {
  readonly origin: string;
  /** Whether the agent sends some requests past it. */
  readonly isOptional: boolean;
}

/** The proxy of an agent: under a symbol in Node's, if it was made with `proxyEnv`; in a property in http-proxy-agent's. */
function proxyOf(agent: unknown): AgentProxy | undefined {
  if (typeof agent !== "object" || agent === null) return undefined;
  const key = Object.getOwnPropertySymbols(agent).find(({ description }) => description === "kProxyConfig");
  const config: unknown = key === undefined ? undefined : Reflect.get(agent, key);
  const proxy: unknown = config ?? Reflect.get(agent, "proxy");
  if (proxy === undefined || proxy === null) return undefined;
  const href: unknown = typeof proxy === "object" ? Reflect.get(proxy, "href") : proxy;
  return { origin: URL.parse(String(href))?.origin ?? "", isOptional: proxy === config };
}

let authorityKey: symbol | undefined;

/** The origin that is connected to; undefined if Node shows none, or resolves another name than a URL's parser reads. */
function originOf(request: ClientRequest): string | undefined {
  // The symbol is the same for all requests that have it.
  authorityKey ??= Object.getOwnPropertySymbols(request).find(({ description }) => description === "kAuthority");
  const authority: unknown = authorityKey === undefined ? undefined : Reflect.get(request, authorityKey);
  if (typeof authority !== "string" || authority === "") return undefined;
  const { host, protocol } = request;
  const known = connections.get(authority);
  if (known !== undefined && known.host === host && known.protocol === protocol) return known.origin;
  const origin = connectedAs({ authority, host, protocol });
  setBounded(connections, authority, { host, protocol, origin }, MAX_CONNECTIONS);
  return origin;
}

/** What Node shows of a connection. */
interface Connection {
  readonly host: string;
  readonly protocol: string;
}

/** More than the servers that a process calls often. */
const MAX_CONNECTIONS = 256;

/** The origins of connections, the oldest first. */
const connections = new Map<string, Connection & { readonly origin: string | undefined }>();

function connectedAs({ authority, host, protocol }: Connection & { readonly authority: string }): string | undefined {
  const name = host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
  const written = `${protocol}//${authority}`;
  const url = URL.parse(written);
  return url !== null && url.hostname === name.toLowerCase() && isOrigin(written, url) ? url.origin : undefined;
}
