import { randomBytes, randomUUID } from "node:crypto";
import { setBounded } from "../checks/bounded-map.ts";
import { isSigned, sign } from "../checks/signature.ts";
import type { EgressPolicy } from "../policy/egress-policy.ts";
import { processWide } from "../process-wide.ts";
import type { LineWriter } from "../propagation/outgoing-baggage.ts";
import type { OwnLine } from "../scope/own-line.ts";
import type { ScopeOwner } from "../scope/request-scope.ts";
import type { UnmarkedCall } from "./unmarked-call.ts";

/**
 * The header by which the stop recognizes own members that a wrapped client wrote. It is set when the request is
 * dispatched and taken off before the request is written. It survives queues, redirects and retries; async context does
 * not. It holds the instance's number, the own line, and a signature of both by a secret of the process: requests with
 * the same members have the same ticket, so that a cache which compares headers has one entry for them, and nobody else
 * can make one.
 */
export const TICKET_HEADER = "otel-experiments-ticket";

/** The tickets of one instance by the text of the own line. */
interface InstanceTickets {
  readonly number: number;
  readonly owner: ScopeOwner;
  readonly tickets: Map<string, string>;
}

interface TicketState {
  readonly secret: string;
  /** The number of instances that have made tickets. */
  instances: number;
  readonly byPolicy: Map<EgressPolicy, InstanceTickets>;
  /** The lines by ticket, only of tickets that were made or verified here. */
  readonly lines: Map<string, LineWriter>;
}

const state = processWide(
  "tickets.v2",
  (): TicketState => ({
    secret: randomBytes(32).toString("base64url"),
    instances: 0,
    byPolicy: new Map(),
    lines: new Map(),
  }),
);

/** The lines that are kept, and the tickets of each instance. Others are signed or verified anew, in some microseconds. */
const MAX_KEPT = 1024;

/** The ticket of an own line. It is valid as long as the policy of its instance is in force. */
export function ticketOf(owner: ScopeOwner, own: OwnLine): string {
  const made = ticketsOf(owner);
  const known = made.tickets.get(own.text);
  if (known !== undefined) return known;
  const line = encodeLine(own);
  const ticket = `${made.number}.${sign(PURPOSE, `${made.number}.${line}`, state().secret)}.${line}`;
  setBounded(made.tickets, own.text, ticket, MAX_KEPT);
  setBounded(state().lines, ticket, { owner, own }, MAX_KEPT);
  return ticket;
}

function ticketsOf(owner: ScopeOwner): InstanceTickets {
  const { byPolicy } = state();
  let made = byPolicy.get(owner.policy);
  if (made === undefined) {
    made = { number: ++state().instances, owner, tickets: new Map() };
    byPolicy.set(owner.policy, made);
  }
  return made;
}

/** To be called when the policy is no longer in force. */
export function voidTickets(policy: EgressPolicy): void {
  const { byPolicy, lines } = state();
  const owner = byPolicy.get(policy)?.owner;
  if (owner === undefined) return;
  byPolicy.delete(policy);
  for (const [ticket, line] of lines) if (line.owner === owner) lines.delete(ticket);
}

const PURPOSE = "ticket";

/** Neither separator occurs in an own member, which has no properties and whose value is percent-encoded. */
const MEMBER_END = ";";
const PART_END = ";;";

function encodeLine({ parts }: OwnLine): string {
  return parts.map((part) => part.replaceAll(",", MEMBER_END)).join(PART_END);
}

function decodeLine(line: string): OwnLine {
  const parts = line.split(PART_END).map((part) => part.replaceAll(MEMBER_END, ","));
  return { text: parts.join(","), parts };
}

const TICKET = /^(\d{1,9})\.([\w-]{43})\.(.+)$/;

/** The line of a ticket; undefined if this process did not make it, or if its instance is closed. */
function lineOf(ticket: string): LineWriter | undefined {
  const { lines, byPolicy, secret } = state();
  const known = lines.get(ticket);
  if (known !== undefined) return known;
  const [, number, signature = "", line = ""] = TICKET.exec(ticket) ?? [];
  if (number === undefined) return undefined;
  for (const { number: own, owner } of byPolicy.values()) {
    if (own !== Number(number)) continue;
    if (!isSigned(PURPOSE, `${number}.${line}`, signature, [secret])) return undefined;
    const verified = { owner, own: decodeLine(line) };
    setBounded(lines, ticket, verified, MAX_KEPT);
    return verified;
  }
  return undefined;
}

/**
 * Calls by the random ticket that their requests carry until they are written: only calls with spans over layers of
 * undici 7 that hide the handler and may repeat the request.
 */
const ticketedCalls = processWide("call-tickets.v2", (): Map<string, WeakRef<UnmarkedCall>> => new Map());

const goneCalls = new FinalizationRegistry<string>((ticket) => {
  ticketedCalls().delete(ticket);
});

/** A ticket for one call, valid until the ticket is withdrawn or the call is garbage-collected. It names no scope. */
export function ticketOfCall(call: UnmarkedCall): string {
  const ticket = randomUUID();
  ticketedCalls().set(ticket, new WeakRef(call));
  goneCalls.register(call, ticket, call);
  return ticket;
}

export function withdrawTicket(ticket: string, call: UnmarkedCall): void {
  ticketedCalls().delete(ticket);
  goneCalls.unregister(call);
}

/** The call that one of the tickets names. */
export function callOf(values: readonly string[]): UnmarkedCall | undefined {
  const calls = ticketedCalls();
  if (values.length === 0 || calls.size === 0) return undefined;
  for (const ticket of ticketsIn(values)) {
    const call = calls.get(ticket)?.deref();
    if (call !== undefined) return call;
  }
  return undefined;
}

const NO_LINES: readonly LineWriter[] = Object.freeze([]);

/**
 * The lines of the tickets, one for each instance; what is no ticket is ignored. A request of a client that several
 * instances wrap has several.
 */
export function linesOfTickets(values: readonly string[]): readonly LineWriter[] {
  if (values.length === 0) return NO_LINES;
  const [only = ""] = values;
  const known = values.length === 1 ? state().lines.get(only) : undefined;
  if (known !== undefined) return [known];
  const lines: LineWriter[] = [];
  for (const ticket of ticketsIn(values)) {
    const line = lineOf(ticket);
    if (line !== undefined && !lines.some(({ owner }) => owner === line.owner)) lines.push(line);
  }
  return lines;
}

/** The tickets of a request, without those of instances that write new ones, and without what is no ticket. */
export function othersTickets(values: readonly string[], writers: readonly LineWriter[]): readonly string[] {
  return ticketsIn(values).filter((ticket) => {
    if (ticketedCalls().has(ticket)) return true;
    const owner = lineOf(ticket)?.owner;
    return owner !== undefined && !writers.some((writer) => writer.owner === owner);
  });
}

function ticketsIn(values: readonly string[]): readonly string[] {
  const tickets = values.join(",").split(",");
  return tickets.map((ticket) => ticket.trim());
}
