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
import { callOf, othersTickets, TICKET_HEADER, ticketOf, ticketOfCall, withdrawTicket } from "./tickets.ts";
import type { HeaderLines } from "./trace-headers.ts";
import { callOfHandler } from "./undici/caller-scope.ts";
import { UnmarkedCall, unmarkedCalls } from "./unmarked-call.ts";

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
  /** The call, if its headers do not show it: for the property `CALL_OF_HANDLER` of a handler of undici. */
  readonly unmarked: UnmarkedCall | undefined;
  /** Whether the call makes spans: then a fetch is to mark the handlers of its dispatcher. */
  readonly makesSpans: boolean;
  /** Whether own members left with the request, though `adds` said no. */
  readonly hasWrittenUnmarked: boolean;
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
  const outer = outerCallOf(called);
  const call = spans ? clientCall(instance, called, outer) : undefined;
  const isHidden = call !== undefined && called.hidesHandler === true;
  const writes = called.isShared !== true && scope.own.text !== "";
  return writes || call !== undefined
    ? new StartedRequest(instance, writes ? scope : undefined, { call, isHidden, outer })
    : undefined;
}

/** The unmarked call of another wrapper that makes this call. */
function outerCallOf({ handler, header }: CalledRequest): UnmarkedCall | undefined {
  const { live, storage } = unmarkedCalls();
  if (live === 0) return undefined;
  return handler === undefined ? storage.getStore() : (callOfHandler(handler) ?? callOf(header(TICKET_HEADER)));
}

/** Whether a scope writes to the first destination, or may write to one that is not known. */
function mayWrite({ owner }: RequestScope, destination: Destination | undefined): boolean {
  return destination === undefined || destination.allowedBy(owner.policy.destinations);
}

const NO_WRITERS: readonly RequestScope[] = Object.freeze([]);

const NO_HEADERS: readonly SetHeader[] = Object.freeze([]);

interface Calls {
  /** Set if the call makes spans. */
  readonly call: ClientCall | undefined;
  /** Whether only a ticket in the headers leads back to the call. */
  readonly isHidden: boolean;
  readonly outer: UnmarkedCall | undefined;
}

class StartedRequest implements OutboundRequest {
  readonly #instance: Instance;
  readonly #writer: RequestScope | undefined;
  readonly #call: ClientCall | undefined;
  readonly #outer: UnmarkedCall | undefined;
  #isHidden: boolean;
  #callTicket: string | undefined;
  #unmarked: UnmarkedCall | undefined;
  readonly run: <T>(fn: () => T) => T;

  constructor(instance: Instance, writer: RequestScope | undefined, { call, isHidden, outer }: Calls) {
    this.#instance = instance;
    this.#writer = writer;
    this.#call = call;
    this.#outer = outer;
    this.#isHidden = isHidden;
    this.run = call === undefined ? rememberScope() : (fn) => call.run(fn);
  }

  get unmarked(): UnmarkedCall | undefined {
    return this.#unmarked ?? this.#outer;
  }

  get makesSpans(): boolean {
    return this.#call !== undefined;
  }

  get hasWrittenUnmarked(): boolean {
    return this.#unmarked?.hasWritten === true;
  }

  adds(url: URL | null): boolean {
    const writer = this.#writer;
    const adds = writer !== undefined && (url === null || mayWrite(writer, Destination.of(url)));
    if (!adds && writer?.owner.policy.destinations.namesNobody === true) notice("NO_DESTINATION");
    if (!adds || this.#call !== undefined) {
      this.#unmarked ??= new UnmarkedCall(adds ? undefined : writer, this.#call, this.#outer);
    }
    // A ticket would show whoever stands between that the call is wrapped.
    const { destinations } = this.#instance.policy;
    if (this.#isHidden) this.#isHidden = url !== null && destinations.allows(Destination.of(url));
    return adds || this.#isHidden;
  }

  headersFor(url: URL | null, header: HeaderLines): readonly SetHeader[] {
    const destination = url === null ? undefined : Destination.of(url);
    const writers = this.#writersTo(destination);
    const tickets = writers.map(({ owner, own }) => ticketOf(owner, own));
    if (this.#isHidden && this.#unmarked !== undefined) {
      this.#callTicket ??= ticketOfCall(this.#unmarked);
      tickets.push(this.#callTicket);
    }
    if (tickets.length === 0) return NO_HEADERS;
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
      if (this.#unmarked !== undefined && this.#callTicket !== undefined) {
        withdrawTicket(this.#callTicket, this.#unmarked);
      }
    };
  }
}
