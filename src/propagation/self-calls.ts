import type { Socket } from "node:net";
import { context } from "@opentelemetry/api";
import { getRPCMetadata } from "@opentelemetry/core";
import { type ClientSide, processState } from "../process-state.ts";

/** More at a time are not remembered; the oldest go. */
const MAX_PENDING = 4096;

/** Published by undici when a request is written, and the first to show on which connection. */
export const UNDICI_SEND_HEADERS = "undici:client:sendHeaders";

/**
 * Remembers what was taken off a request, unless it is made while another one is served: what that passes on may be a
 * stranger's, and would come back as if it were the process's own.
 */
export function expectSelfCall(request: ClientSide, members: readonly string[]): void {
  if (members.length === 0) return;
  const state = processState();
  if (state.scopes.getStore() !== undefined || getRPCMetadata(context.active()) !== undefined) return;
  const pending = state.selfCalls.filter((call) => !isOver(call.request));
  state.selfCalls = [...pending.slice(1 - MAX_PENDING), { request, members: members.join(","), socket: undefined }];
}

function isOver({ destroyed, completed, aborted }: ClientSide): boolean {
  return destroyed === true || completed === true || aborted === true;
}

/** Notes the connection of a request of undici. */
export function noteUndiciSocket(message: unknown): void {
  const { selfCalls } = processState();
  if (selfCalls.length === 0) return;
  // why: the channel's contract, documented by undici
  const { request, socket } = message as { readonly request: ClientSide; readonly socket: Socket };
  const call = selfCalls.find((pending) => pending.request === request);
  if (call !== undefined) call.socket = socket;
}

/** What was taken off the request that arrives at a server's end of a connection, if this process made it. */
export function takeSelfCall(arrived: Socket | undefined): string | undefined {
  const state = processState();
  if (state.selfCalls.length === 0 || arrived === undefined) return undefined;
  const taken = state.selfCalls.find((call) => areEndsOfOne(call.socket ?? call.request.socket, arrived));
  if (taken === undefined) return undefined;
  state.selfCalls = state.selfCalls.filter((call) => call !== taken);
  return taken.members;
}

function areEndsOfOne(client: Socket | null | undefined, server: Socket): boolean {
  if (client === null || client === undefined || client.localPort === undefined) return false;
  if (client.localPort !== server.remotePort || client.remotePort !== server.localPort) return false;
  // A server that listens on IPv6 shows an IPv4 peer as ::ffff:127.0.0.1.
  return client.localAddress !== undefined && (server.remoteAddress ?? "").endsWith(client.localAddress);
}
