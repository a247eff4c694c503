import type { Socket } from "node:net";
import { context } from "@opentelemetry/api";
import { getRPCMetadata } from "@opentelemetry/core";
import { mention } from "../checks/diagnostics.ts";
import type { ArrivedRequest, ClientSide } from "../http/shapes.ts";
import { policiesInForce } from "../policy/in-force.ts";
import { processWide } from "../process-wide.ts";
import { latestScope } from "../scope/finding.ts";

/** More at a time are not remembered; the oldest go. */
const MAX_PENDING = 1024;

/** Published by undici when a request is written, and the first to show on which connection. */
export const UNDICI_SEND_HEADERS = "undici:client:sendHeaders";

/**
 * A request that may arrive in the process that makes it, as an integration test's does. What its author wrote by hand
 * does not leave the process; but a server of this process at which it arrives is given it, and judges it as it judges
 * what comes over the wire.
 */
interface SelfCall {
  /** The client's request, of node:http or of undici. */
  readonly request: ClientSide;
  /** The own members that were taken off it. */
  readonly members: string;
  /** The client's end of the connection, where the request does not show it. */
  socket: Socket | undefined;
}

interface SelfCalls {
  /** Oldest first. */
  selfCalls: readonly SelfCall[];
  /** The members of those that have arrived, by the server's request. */
  readonly taken: WeakMap<object, string>;
}

const selfCallsOf = processWide("self-calls.v1", (): SelfCalls => ({ selfCalls: [], taken: new WeakMap() }));

/**
 * Remembers what was taken off a client's request, in place of what was taken off it before. Not while another request
 * is served: what that passes on may be a stranger's, and would come back as if it were the process's own. And only
 * where `NODE_ENV` says that the process is in development or a test: elsewhere it has no cause to call itself so.
 */
export function expectSelfCall(request: ClientSide, members: readonly string[]): void {
  const state = selfCallsOf();
  if (members.length === 0 && state.selfCalls.length === 0) return;
  if (members.length > 0) {
    mention(
      "taken-off",
      "members of ours were taken off an outgoing request; experimentFetch, experimentInterceptor and instrumentOutgoing write them",
    );
  }
  const others = state.selfCalls.filter((call) => call.request !== request && !isOver(call.request));
  state.selfCalls = others;
  if (members.length === 0 || !isWelcome()) return;
  state.selfCalls = [...others.slice(1 - MAX_PENDING), { request, members: members.join(","), socket: undefined }];
}

function isWelcome(): boolean {
  if (latestScope() !== undefined || getRPCMetadata(context.active()) !== undefined) return false;
  return [...policiesInForce()].some(({ takesSelfCalls }) => takesSelfCalls);
}

function isOver({ destroyed, completed, aborted }: ClientSide): boolean {
  return destroyed === true || completed === true || aborted === true;
}

/** Notes the connection of a request of undici. */
export function noteUndiciSocket(message: unknown): void {
  const { selfCalls } = selfCallsOf();
  if (selfCalls.length === 0) return;
  // why: the channel's contract, documented by undici
  const { request, socket } = message as { readonly request: ClientSide; readonly socket: Socket };
  const call = selfCalls.find((pending) => pending.request === request);
  if (call !== undefined) call.socket = socket;
}

/** What was taken off the request that arrives, if this process made it; the same for each instance that asks. */
export function takeSelfCall(arrived: ArrivedRequest): string | undefined {
  const state = selfCallsOf();
  const taken = state.taken.get(arrived);
  if (taken !== undefined || state.selfCalls.length === 0) return taken;
  const call = state.selfCalls.find((pending) => isSameRequest(pending, arrived));
  if (call === undefined) return undefined;
  state.selfCalls = state.selfCalls.filter((other) => other !== call);
  state.taken.set(arrived, call.members);
  return call.members;
}

/** One connection of HTTP/1.1 carries one request at a time, unless it is pipelined; method and path tell those apart. */
function isSameRequest({ request, socket }: SelfCall, arrived: ArrivedRequest): boolean {
  const client = socket ?? request.socket;
  if (isOver(request) || client === null || client === undefined || arrived.socket === undefined) return false;
  if (arrived.httpVersionMajor !== 1 || request.method !== arrived.method) return false;
  if (request.path !== (arrived.originalUrl ?? arrived.url)) return false;
  return areEndsOfOne(client, arrived.socket);
}

function areEndsOfOne(client: Socket, server: Socket): boolean {
  return (
    client.localPort !== undefined &&
    client.localPort === server.remotePort &&
    client.remotePort === server.localPort &&
    plain(client.localAddress) === plain(server.remoteAddress) &&
    plain(client.remoteAddress) === plain(server.localAddress)
  );
}

/** A server that listens on IPv6 shows an IPv4 peer as `::ffff:127.0.0.1`. */
function plain(address: string | undefined): string | undefined {
  return address?.replace(/^::ffff:(?=\d+\.)/i, "");
}
