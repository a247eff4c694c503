import { notice } from "../checks/notices.ts";
import type { Instance } from "../instance/instance.ts";
import { Destination } from "../policy/destination.ts";
import { OutgoingBaggage } from "../propagation/outgoing-baggage.ts";
import type { RequestScope } from "../scope/request-scope.ts";
import { rememberScope } from "../scope/running.ts";
import { type CalledRequest, clientCall } from "./client-call.ts";
import { ticketOf, ticketOfCall, withdrawTicket } from "./tickets.ts";

/** An outgoing request of a wrapped client. */
export interface OutboundRequest {
  /** The value of `TICKET_HEADER`, which the request carries until it is written. */
  readonly ticket: string;
  /** To be referenced as long as the request may be repeated: the ticket is valid while this object lives. */
  readonly scope: object;
  /** Gives the `baggage` header for the first destination: the existing one, with own members if they may go there. */
  readonly baggageFor: (url: URL, existing: string | null) => string;
  /** Keeps the process-wide stop in force until the result is called, also if the experiments are closed before. */
  readonly retain: () => () => void;
  /** Runs a callback in the scope of the call; if the client makes spans, also in the call's OpenTelemetry context. */
  readonly run: <T>(fn: () => T) => T;
}

/**
 * Starts an outgoing request of a wrapped client in the current scope. Undefined if it needs neither a ticket nor a span.
 *
 * @param spans whether the client makes CLIENT spans
 */
export function startOutbound(instance: Instance, spans: boolean, called: CalledRequest): OutboundRequest | undefined {
  if (instance.closed) return undefined;
  const scope = instance.current();
  const call = spans ? clientCall(instance, called) : undefined;
  const writer = scope.own.text === "" ? undefined : writerOf(instance, scope);
  if (call === undefined) return writer;
  const ticket = ticketOfCall(call);
  const { retain } = instance.stop;
  return {
    ticket: writer === undefined ? ticket : `${writer.ticket},${ticket}`,
    scope: call,
    baggageFor: writer?.baggageFor ?? (() => ""),
    retain() {
      const release = retain();
      return () => {
        release();
        withdrawTicket(ticket, call);
      };
    },
    run: (fn) => call.run(fn),
  };
}

function writerOf(instance: Instance, scope: RequestScope): OutboundRequest {
  if (instance.policy.destinations.namesNobody) notice("NO_DESTINATION");
  return {
    ticket: ticketOf(scope),
    scope,
    baggageFor(url, existing) {
      const baggage = new OutgoingBaggage([instance.policy], [scope], Destination.of(url));
      if (existing !== null) baggage.add(existing);
      return baggage.text;
    },
    retain: instance.stop.retain,
    run: rememberScope(),
  };
}
