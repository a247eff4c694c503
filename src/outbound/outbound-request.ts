import { notice } from "../checks/notices.ts";
import type { Instance } from "../instance/instance.ts";
import { Destination } from "../policy/destination.ts";
import { OutgoingBaggage } from "../propagation/outgoing-baggage.ts";
import { scopesOf } from "../scope/chain.ts";
import { latestScope } from "../scope/finding.ts";
import type { RequestScope } from "../scope/request-scope.ts";
import { rememberScope } from "../scope/running.ts";
import { writingPolicies } from "./all-clients.ts";
import { type CalledRequest, type ClientCall, clientCall } from "./client-call.ts";
import { othersTickets, TICKET_HEADER, ticketOf, ticketOfCall, withdrawTicket } from "./tickets.ts";
import type { HeaderLines } from "./trace-headers.ts";
import { UnmarkedCall } from "./unmarked-call.ts";

/** A header that replaces all lines of its name. */
export type SetHeader = readonly [name: string, value: string];

/** An outgoing request of a wrapped client. */
export interface OutboundRequest {
  /**
   * Whether headers are to be set before the request is made. They are not if its first destination may not get own
   * members, so that the request looks as without the package. The stop decides again at each hop.
   *
   * @param url the first destination; null if it is not known
   */
  readonly adds: (url: URL | null) => boolean;
  /**
   * The headers to set.
   *
   * @param url the first destination; null if it is not known
   * @param header reads the headers that the caller set
   */
  readonly headersFor: (url: URL | null, header: HeaderLines) => readonly SetHeader[];
  /** Calls the client, after `adds` was asked. */
  readonly enter: <T>(call: () => T) => T;
  /** The call, if `adds` said no: for the property `CALL_OF_HANDLER` of a handler of undici. */
  readonly unmarked: object | undefined;
  /** Whether own members left with the request, though `adds` said no. */
  readonly hasWrittenUnmarked: boolean;
  /** To be referenced as long as the request may be repeated: the ticket of a call with spans is valid while this lives. */
  readonly scope: object;
  /** Keeps the process-wide stop in force until the result is called, also if the experiments are closed before. */
  readonly retain: () => () => void;
  /** Runs a callback in the scope of the call; if the client makes spans, also in the call's OpenTelemetry context. */
  readonly run: <T>(fn: () => T) => T;
}

/**
 * Starts an outgoing request of a wrapped client in the current scope. Undefined if it has nothing to pass on and needs no
 * span.
 *
 * @param spans whether the client makes CLIENT spans
 */
export function startOutbound(instance: Instance, spans: boolean, called: CalledRequest): OutboundRequest | undefined {
  if (instance.closed) return undefined;
  const scope = instance.current();
  const call = spans ? clientCall(instance, called) : undefined;
  const writes = called.isShared !== true && scope.own.text !== "";
  return writes || call !== undefined ? new StartedRequest(instance, writes ? scope : undefined, call) : undefined;
}

/** Whether a scope writes to the first destination, or may write to one that is not known. */
function mayWrite({ owner }: RequestScope, destination: Destination | undefined): boolean {
  return destination === undefined || destination.allowedBy(owner.policy.destinations);
}

const NO_WRITERS: readonly RequestScope[] = Object.freeze([]);

const NO_HEADERS: readonly SetHeader[] = Object.freeze([]);

class StartedRequest implements OutboundRequest {
  readonly #instance: Instance;
  readonly #writer: RequestScope | undefined;
  readonly #call: ClientCall | undefined;
  readonly #callTicket: string | undefined;
  #unmarked: UnmarkedCall | undefined;
  readonly run: <T>(fn: () => T) => T;

  constructor(instance: Instance, writer: RequestScope | undefined, call: ClientCall | undefined) {
    this.#instance = instance;
    this.#writer = writer;
    this.#call = call;
    this.#callTicket = call === undefined ? undefined : ticketOfCall(call);
    this.run = call === undefined ? rememberScope() : (fn) => call.run(fn);
  }

  get scope(): object {
    return this.#call ?? this;
  }

  get unmarked(): object | undefined {
    return this.#unmarked;
  }

  get hasWrittenUnmarked(): boolean {
    return this.#unmarked?.hasWritten === true;
  }

  adds(url: URL | null): boolean {
    const writer = this.#writer;
    if (writer === undefined || url === null || mayWrite(writer, Destination.of(url))) return true;
    if (writer.owner.policy.destinations.namesNobody) notice("NO_DESTINATION");
    this.#unmarked ??= new UnmarkedCall(writer);
    if (this.#call !== undefined) this.#call.unmarked = this.#unmarked;
    return this.#callTicket !== undefined;
  }

  headersFor(url: URL | null, header: HeaderLines): readonly SetHeader[] {
    const destination = url === null ? undefined : Destination.of(url);
    const writers = this.#writersTo(destination);
    if (writers.length === 0 && this.#callTicket === undefined) return NO_HEADERS;
    const tickets = writers.map(({ owner, own }) => ticketOf(owner, own));
    if (this.#callTicket !== undefined) tickets.push(this.#callTicket);
    const present = header(TICKET_HEADER);
    if (present.length > 0) tickets.unshift(...othersTickets(present, writers));
    const ticket: SetHeader = [TICKET_HEADER, tickets.join(",")];
    // Without a destination the stop writes the line.
    if (destination === undefined || writers.length === 0) return [ticket];
    const policies = writers.map(({ owner }) => owner.policy);
    const baggage = new OutgoingBaggage(policies, writers, destination);
    for (const existing of header("baggage")) baggage.add(existing);
    return [["baggage", baggage.text], ticket];
  }

  /** The scopes that write to the first destination, or that may write to one that is not known. */
  #writersTo(destination: Destination | undefined): readonly RequestScope[] {
    const writer = this.#writer;
    if (writer === undefined || !mayWrite(writer, destination)) return NO_WRITERS;
    const writing = writingPolicies();
    if (writing.size === 0) return [writer];
    const others = scopesOf(latestScope()).filter(
      (scope) =>
        scope !== writer && scope.own.text !== "" && writing.has(scope.owner.policy) && mayWrite(scope, destination),
    );
    return [...others.toReversed(), writer];
  }

  enter<T>(call: () => T): T {
    return this.#unmarked === undefined ? call() : this.#unmarked.run(call);
  }

  retain(): () => void {
    const release = this.#instance.stop.retain();
    return () => {
      release();
      this.#unmarked?.end();
      if (this.#call !== undefined && this.#callTicket !== undefined) withdrawTicket(this.#callTicket, this.#call);
    };
  }
}
