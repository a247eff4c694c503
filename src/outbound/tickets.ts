import { randomUUID } from "node:crypto";
import type { Destination } from "../policy/destination.ts";
import { processWide } from "../process-wide.ts";
import type { RequestScope } from "../scope/request-scope.ts";

/**
 * The header by which a wrapped client says whose request it is. It is set when the request is dispatched and taken
 * off before the request is written, so that it survives queues, redirects and retries, which async context does not.
 * Its value is a random identifier: one that a stranger sends means nothing, and nobody can guess another's.
 */
export const TICKET_HEADER = "otel-experiments-ticket";

/** Scopes that have outgoing requests, by the ticket that these carry until they are written. */
export const ticketedScopes: () => Map<string, WeakRef<RequestScope>> = processWide("tickets.v1", () => new Map());

/** Calls of clients that make spans, by the ticket that their requests carry until they are written. */
export const ticketedCalls: () => Map<string, WeakRef<OutgoingCall>> = processWide("call-tickets.v1", () => new Map());

/** The ticket of a scope, which stands for it as long as the scope lives. */
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

/** A call of a client that makes spans: whoever sees a request of it being made lets it begin. */
export interface OutgoingCall {
  /** The latest scope of the code that called; undefined outside of a request. */
  readonly scope: RequestScope | undefined;
  begin(request: object, destination: Destination | undefined): void;
}

/** A ticket that stands for one call until the call is gone or the ticket is withdrawn. It says nothing of a scope. */
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

/** The call that one of the tickets stands for. */
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

const NOBODY: readonly RequestScope[] = Object.freeze([]);

/** The scopes that the tickets stand for; unknown ones stand for none. Wrapped twice, a request has two tickets. */
export function redeemTickets(values: readonly string[]): readonly RequestScope[] {
  if (values.length === 0) return NOBODY;
  const tickets = ticketedScopes();
  const scopes: RequestScope[] = [];
  for (const value of values) {
    for (const ticket of value.split(",")) {
      const scope = tickets.get(ticket.trim())?.deref();
      if (scope !== undefined && !scopes.includes(scope)) scopes.push(scope);
    }
  }
  return scopes;
}
