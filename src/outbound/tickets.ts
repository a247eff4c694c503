import { randomBytes, randomUUID } from "node:crypto";
import { isSigned, sign } from "../checks/signature.ts";
import type { Destination } from "../policy/destination.ts";
import type { EgressPolicy } from "../policy/egress-policy.ts";
import { processWide } from "../process-wide.ts";
import type { LineWriter } from "../propagation/outgoing-baggage.ts";
import type { OwnLine } from "../scope/own-line.ts";
import type { RequestScope, ScopeOwner } from "../scope/request-scope.ts";
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
interface Book {
  readonly number: number;
  readonly owner: ScopeOwner;
  readonly tickets: Map<string, string>;
}

interface TicketOffice {
  readonly secret: string;
  opened: number;
  readonly books: Map<EgressPolicy, Book>;
  /** The lines by ticket, only of tickets that were made or verified here. */
  readonly lines: Map<string, LineWriter>;
}

const office = processWide(
  "tickets.v2",
  (): TicketOffice => ({
    secret: randomBytes(32).toString("base64url"),
    opened: 0,
    books: new Map(),
    lines: new Map(),
  }),
);

/** The lines that are kept, and the tickets of each instance. Others are signed or verified anew, in some microseconds. */
const MAX_KEPT = 1024;

function keep<T>(map: Map<string, T>, key: string, value: T): void {
  if (map.size >= MAX_KEPT) {
    for (const [oldest] of map) {
      map.delete(oldest);
      break;
    }
  }
  map.set(key, value);
}

/** The ticket of an own line. It is valid as long as the policy of its instance is in force. */
export function ticketOf(owner: ScopeOwner, own: OwnLine): string {
  const book = bookOf(owner);
  const known = book.tickets.get(own.text);
  if (known !== undefined) return known;
  const line = encodeLine(own);
  const ticket = `${book.number}.${sign(PURPOSE, `${book.number}.${line}`, office().secret)}.${line}`;
  keep(book.tickets, own.text, ticket);
  keep(office().lines, ticket, { owner, own });
  return ticket;
}

function bookOf(owner: ScopeOwner): Book {
  const { books } = office();
  let book = books.get(owner.policy);
  if (book === undefined) {
    book = { number: ++office().opened, owner, tickets: new Map() };
    books.set(owner.policy, book);
  }
  return book;
}

/** To be called when the policy is no longer in force. */
export function voidTickets(policy: EgressPolicy): void {
  const { books, lines } = office();
  const owner = books.get(policy)?.owner;
  if (owner === undefined) return;
  books.delete(policy);
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
function redeem(ticket: string): LineWriter | undefined {
  const { lines, books, secret } = office();
  const known = lines.get(ticket);
  if (known !== undefined) return known;
  const [, number, signature = "", line = ""] = TICKET.exec(ticket) ?? [];
  if (number === undefined) return undefined;
  for (const book of books.values()) {
    if (book.number !== Number(number)) continue;
    if (!isSigned(PURPOSE, `${book.number}.${line}`, signature, [secret])) return undefined;
    const verified = { owner: book.owner, own: decodeLine(line) };
    keep(lines, ticket, verified);
    return verified;
  }
  return undefined;
}

/** A call of a client that makes spans. `begin` is called for each of its requests before it is written. */
export interface OutgoingCall {
  /** The latest scope of the calling code; undefined outside a request. */
  readonly scope: RequestScope | undefined;
  /** Whether others who have other members share the answer. */
  readonly isShared: boolean;
  /** The call as it is found without a line; undefined if the headers have one. */
  readonly unmarked: UnmarkedCall | undefined;
  begin(request: object, destination: Destination | undefined): void;
}

/** Calls of clients that make spans, by the random ticket that their outgoing requests carry until they are written. */
export const ticketedCalls: () => Map<string, WeakRef<OutgoingCall>> = processWide("call-tickets.v1", () => new Map());

/** A ticket for one call, valid until the ticket is withdrawn or the call is garbage-collected. It names no scope. */
export function ticketOfCall(call: OutgoingCall): string {
  const ticket = randomUUID();
  ticketedCalls().set(ticket, new WeakRef(call));
  goneCalls.register(call, ticket, call);
  return ticket;
}

export function withdrawTicket(ticket: string, call: OutgoingCall): void {
  ticketedCalls().delete(ticket);
  goneCalls.unregister(call);
}

const goneCalls = new FinalizationRegistry<string>((ticket) => {
  ticketedCalls().delete(ticket);
});

/** The call that one of the tickets names. */
export function callOf(values: readonly string[]): OutgoingCall | undefined {
  if (values.length === 0) return undefined;
  const calls = ticketedCalls();
  for (const value of values) {
    for (const ticket of value.split(",")) {
      const call = calls.get(ticket.trim())?.deref();
      if (call !== undefined) return call;
    }
  }
  return undefined;
}

const NO_LINES: readonly LineWriter[] = Object.freeze([]);

/**
 * The lines of the tickets, one for each instance; what is no ticket is ignored. A request of a client that several
 * instances wrap has several.
 */
export function redeemTickets(values: readonly string[]): readonly LineWriter[] {
  if (values.length === 0) return NO_LINES;
  const redeemed: LineWriter[] = [];
  for (const value of values) {
    for (const ticket of value.split(",")) {
      const line = redeem(ticket.trim());
      if (line !== undefined && !redeemed.some(({ owner }) => owner === line.owner)) redeemed.push(line);
    }
  }
  return redeemed;
}

/** The tickets of a request, without those of instances that write new ones, and without what is no ticket. */
export function othersTickets(values: readonly string[], writers: readonly LineWriter[]): readonly string[] {
  return values
    .flatMap((value) => value.split(","))
    .map((ticket) => ticket.trim())
    .filter((ticket) => {
      if (callOf([ticket]) !== undefined) return true;
      const owner = redeem(ticket)?.owner;
      return owner !== undefined && !writers.some((writer) => writer.owner === owner);
    });
}
