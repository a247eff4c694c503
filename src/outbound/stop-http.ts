import type { ClientRequest } from "node:http";
import { isAttentive } from "../checks/development.ts";
import { infoOnce } from "../checks/diagnostics.ts";
import { isName, linesOf } from "../http/header-parts.ts";
import { Destination } from "../policy/destination.ts";
import { callingScope } from "./calling-scope.ts";
import { putIntoBlock, takeFromBlock } from "./header-block.ts";
import { outgoingLine } from "./outgoing-line.ts";
import { RequestOwner } from "./request-owner.ts";
import { TICKET_HEADER } from "./tickets.ts";
import { noticeUnwrapped } from "./unwrapped.ts";

/** node:http and node:https publish each request on this channel, in the caller's context, before anything is written. */
export const HTTP_CREATED = "http.client.request.created";

/**
 * Takes own members off a request of node:http, and writes those of its scopes if they may go to its destination. If Node
 * has made the header block already, it writes none.
 */
export function stopHttpRequest(message: unknown): void {
  // why: the channel's contract, documented by Node under "http.client.request.created"
  const { request } = message as { readonly request: ClientRequest };
  if (request.headersSent) stopMadeBlock(request);
  else stopHeaders(request);
}

function stopHeaders(request: ClientRequest): void {
  const tickets = linesOf(request.getHeader(TICKET_HEADER));
  const existing = linesOf(request.getHeader("baggage"));
  const owner = new RequestOwner(tickets, callingScope);
  if (tickets.length > 0) request.removeHeader(TICKET_HEADER);
  if (existing.length + tickets.length + owner.writers.length > 0) {
    const baggage = outgoingLine(existing, owner, destinationOf(request));
    baggage.recordSize();
    if (baggage.text !== "") request.setHeader("baggage", baggage.text);
    else if (existing.length > 0) request.removeHeader("baggage");
  }
  if (isAttentive()) noticeUnwrapped(owner, destinationOf(request));
  stopLaterHeaders(request, owner);
}

/** Merges headers that are set later into the one line, until the headers are sent. `setHeaders` calls `setHeader`. */
function stopLaterHeaders(request: ClientRequest, owner: RequestOwner): void {
  const { setHeader, appendHeader } = request;
  const rewrite = (lines: readonly string[]): ClientRequest => {
    const { text } = outgoingLine(lines, owner, destinationOf(request));
    if (text === "") request.removeHeader("baggage");
    else Reflect.apply(setHeader, request, ["baggage", text]);
    return request;
  };
  request.setHeader = function setHeaderOnce(name, value) {
    if (isName(name, TICKET_HEADER)) return request;
    return isName(name, "baggage") ? rewrite(linesOf(value)) : Reflect.apply(setHeader, request, [name, value]);
  };
  request.appendHeader = function appendHeaderOnce(name, value) {
    if (isName(name, TICKET_HEADER)) return request;
    if (!isName(name, "baggage")) return Reflect.apply(appendHeader, request, [name, value]);
    return rewrite([...linesOf(request.getHeader("baggage")), ...linesOf(value)]);
  };
}

const NOT_WRITTEN =
  "a request of node:http carries no variant, since its headers were given as an array or with Expect; give them as an object, and set Expect with request.setHeader";

/** Node's text of the header block. With headers as an array, or with `Expect`, it is made before the channel publishes. */
interface MadeBlock {
  _header: string | null;
  /** With `Expect`, the block waits here already. */
  readonly outputData?: { data: unknown }[];
  outputSize: number;
}

/** Takes own members and tickets off. The foreign members stay, in one line. */
function stopMadeBlock(request: ClientRequest): void {
  // why: Node offers no way to change a made block; if these fields have another form, nothing is changed
  const made = request as unknown as MadeBlock;
  const { _header: before } = made;
  if (typeof before !== "string") return;
  const { rest, baggage: existing, tickets } = takeFromBlock(before);
  const owner = new RequestOwner(tickets, callingScope);
  if (existing.length + tickets.length + owner.writers.length === 0) return;
  const { foreign, text } = outgoingLine(existing, owner, destinationOf(request));
  if (text !== foreign) infoOnce("header-block", NOT_WRITTEN);
  if (existing.length + tickets.length === 0) return;
  const after = putIntoBlock(rest, foreign);
  made._header = after;
  const queued = made.outputData?.[0];
  if (typeof queued?.data === "string" && queued.data.startsWith(before)) {
    queued.data = after + queued.data.slice(before.length);
    made.outputSize += after.length - before.length;
  }
}

/**
 * The destination to which Node connects: the target of an absolute-form path, else the authority. The user's code can
 * set the Host header to any value, so it is not read. Node 22 does not show the authority's port, so the destination is
 * unknown, and no own members are written.
 */
function destinationOf(request: ClientRequest): Destination | undefined {
  const { method, path, protocol } = request;
  if (leadsElsewhere(Reflect.get(request, "agent"), protocol)) return undefined;
  if (method === "CONNECT" || ("socketPath" in request && request.socketPath)) return undefined;
  if (!path.startsWith("/")) return Destination.parse(path);
  const authority = authorityOf(request);
  return authority === undefined ? undefined : new Destination(`${protocol}//${authority}`, path);
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

let authorityKey: symbol | undefined;

function authorityOf(request: ClientRequest): string | undefined {
  // The symbol is the same for all requests that have it.
  authorityKey ??= Object.getOwnPropertySymbols(request).find(({ description }) => description === "kAuthority");
  const authority: unknown = authorityKey === undefined ? undefined : Reflect.get(request, authorityKey);
  return typeof authority === "string" && authority !== "" ? authority : undefined;
}
