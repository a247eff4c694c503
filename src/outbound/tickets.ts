import { randomUUID } from "node:crypto";
import type { Destination } from "../policy/destination.ts";
import { processWide } from "../process-wide.ts";
import type { RequestScope } from "../scope/request-scope.ts";

/**
 * The header by which a wrapped client names the scope or the call of a request. It is set when the request is dispatched
 * and taken off before the request is written. It survives queues, redirects and retries; async context does not.
 * Its values are random identifiers, which cannot be guessed; an unknown one is ignored.
 */
export const TICKET_HEADER = "otel-experiments-ticket";

/** Scopes by the ticket that their outgoing requests carry until they are written. */
export const ticketedScopes: () => Map<string, WeakRef<RequestScope>> = processWide("tickets.v1", () => new Map());

/** Calls of clients that make spans, by the ticket that their outgoing requests carry until they are written. */
export const ticketedCalls: () => Map<string, WeakRef<OutgoingCall>> = processWide("call-tickets.v1", () => new Map());

/** The ticket of a scope, valid until the scope is garbage-collected. */
export function ticketOf(scope: RequestScope): string {
  return scope.ticket(() => {
    const ticket = randomUUID();
    ticketedScopes().set(ticket, new WeakRef(scope));
    expired.register(scope, ticket);
    return ticket;
  });
}

const expired = new FinalizationRegistry<string>((ticket) => {
  ticketedScopes().delete(ticket);
});

/** A call of a client that makes spans. `begin` is called for each of its requests before it is written. */
export interface OutgoingCall {
  /** The latest scope of the calling code; undefined outside a request. */
  readonly scope: RequestScope | undefined;
  begin(request: object, destination: Destination | undefined): void;
}

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

const NO_SCOPES: readonly RequestScope[] = Object.freeze([]);

/** The scopes that the tickets name; unknown tickets and scopes that are over are ignored. A request of a client that is wrapped twice has two. */
export function redeemTickets(values: readonly string[]): readonly RequestScope[] {
  if (values.length === 0) return NO_SCOPES;
  const tickets = ticketedScopes();
  const scopes: RequestScope[] = [];
  for (const value of values) {
    for (const ticket of value.split(",")) {
      const scope = tickets.get(ticket.trim())?.deref();
      if (scope !== undefined && !scope.isOver && !scopes.includes(scope)) scopes.push(scope);
    }
  }
  return scopes;
}
