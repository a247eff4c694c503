import type { ClientRequest } from "node:http";
import { processState } from "../process-state.ts";
import { Destination } from "./destination.ts";
import { putIntoBlock, takeFromBlock } from "./header-block.ts";
import { OutgoingBaggage } from "./outgoing-baggage.ts";
import { expectSelfCall } from "./self-calls.ts";
import { redeemTickets, TICKET_HEADER } from "./tickets.ts";

/** node:http and node:https publish each request here, in the caller's own context, before anything is written. */
export const HTTP_CREATED = "http.client.request.created";

/** Takes own members off a request of node:http, and writes those of the ticket's scope where they may go. */
export function guardHttpRequest(message: unknown): void {
  // why: the channel's contract, documented by Node under "http.client.request.created"
  const { request } = message as { readonly request: ClientRequest };
  if (request.headersSent) guardMadeBlock(request);
  else guardHeaders(request);
}

function guardHeaders(request: ClientRequest): void {
  const existing = linesOf(request.getHeader("baggage"));
  const tickets = linesOf(request.getHeader(TICKET_HEADER));
  if (existing.length + tickets.length === 0) return;
  const baggage = oneLine(request, existing, tickets);
  if (tickets.length > 0) request.removeHeader(TICKET_HEADER);
  if (baggage === "") request.removeHeader("baggage");
  else request.setHeader("baggage", baggage);
}

/** Node's own text of the header block. With headers as an array, or with `Expect`, it is made before we are asked. */
interface MadeBlock {
  _header: string | null;
}

function guardMadeBlock(request: ClientRequest): void {
  // why: Node offers no way to change a made block; where this field is gone, nothing is changed
  const made = request as unknown as MadeBlock;
  if (typeof made._header !== "string") return;
  const block = takeFromBlock(made._header);
  if (block !== undefined) made._header = putIntoBlock(block.rest, oneLine(request, block.baggage, block.tickets));
}

function oneLine(request: ClientRequest, lines: readonly string[], tickets: readonly string[]): string {
  const baggage = new OutgoingBaggage(processState().policies, redeemTickets(tickets), destinationOf(request));
  for (const line of lines) baggage.add(line);
  baggage.recordSize();
  if (tickets.length === 0) expectSelfCall(request, baggage.removed);
  return baggage.text;
}

/**
 * Where the request really goes. The Host header says what the caller wishes, so it does not count: the target of an
 * absolute-form path does, else the authority that Node connects to. Node 22 does not show its port; there it is
 * unknown, and so nothing of ours is written.
 */
function destinationOf(request: ClientRequest): Destination | undefined {
  const { method, path, protocol } = request;
  if (method === "CONNECT" || ("socketPath" in request && request.socketPath)) return undefined;
  if (!path.startsWith("/")) return Destination.parse(path);
  const authority = authorityOf(request);
  return authority === undefined ? undefined : new Destination(`${protocol}//${authority}`, path);
}

function authorityOf(request: ClientRequest): string | undefined {
  const symbol = Object.getOwnPropertySymbols(request).find(({ description }) => description === "kAuthority");
  const authority: unknown = symbol === undefined ? undefined : Reflect.get(request, symbol);
  return typeof authority === "string" && authority !== "" ? authority : undefined;
}

function linesOf(value: number | string | readonly string[] | undefined): readonly string[] {
  if (value === undefined) return [];
  return typeof value === "object" ? value.map(String) : [String(value)];
}
