import { notice } from "../checks/notices.ts";
import type { Instance } from "../instance/instance.ts";
import { Destination } from "../policy/destination.ts";
import { OutgoingBaggage } from "../propagation/outgoing-baggage.ts";
import { scopeOwnedBy, scopesOf } from "../scope/chain.ts";
import { latestScope } from "../scope/finding.ts";
import type { RequestScope } from "../scope/request-scope.ts";
import { runnerIn } from "../scope/running.ts";
import { writingPolicies } from "./all-clients.ts";
import { type CalledRequest, type ClientCall, clientCall } from "./client-call.ts";
import { callOf, othersTickets, TICKET_HEADER, ticketOf, ticketOfCall, withdrawTicket } from "./tickets.ts";
import type { HeaderLines } from "./trace-headers.ts";
import { callOfHandler } from "./undici/caller-scope.ts";
import { type HeldCall, UnmarkedCall, unmarkedCalls } from "./unmarked-call.ts";

/** A header that replaces all lines of its name. */
export type SetHeader = readonly [name: string, value: string];

/** The first destination of a request: a URL, the text of one, or null if it is not known. A text that is none is not. */
export type FirstDestination = URL | string | null;

/** An outgoing request of a wrapped client. */
export interface OutboundRequest {
  /**
   * Whether headers are to be set before the request is made. They are not if its first destination may not get own
   * members, so that the request looks as without the package. The stop decides again at each hop.
   */
  readonly adds: (first: FirstDestination) => boolean;
  /**
   * The headers to set.
   *
   * @param header reads the headers that the caller set
   */
  readonly headersFor: (first: FirstDestination, header: HeaderLines) => readonly SetHeader[];
  /** Calls the client, after `adds` was asked. */
  readonly enter: <T>(call: () => T) => T;
  /** The call, if its headers do not show it: for the property `CALL_OF_HANDLER` of a handler of undici. */
  readonly unmarked: HeldCall | undefined;
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
  const latest = latestScope();
  const scope = scopeOwnedBy(instance, latest);
  const writer = scope === undefined || scope.own.text === "" || called.isShared === true ? undefined : scope;
  if (writer === undefined && !spans) return undefined;
  const outer = unmarkedCalls().live === 0 ? undefined : outerCallOf(called);
  const call = spans ? clientCall(instance, called, outer) : undefined;
  if (writer === undefined && call === undefined) return undefined;
  return new StartedRequest(instance, { latest, writer, call, isHidden: called.hidesHandler === true, outer });
}

/** The unmarked call of another wrapper that makes this call. */
function outerCallOf({ handler, header }: CalledRequest): UnmarkedCall | undefined {
  return handler === undefined
    ? unmarkedCalls().storage.getStore()
    : (callOfHandler(handler) ?? callOf(header(TICKET_HEADER)));
}

/** The destination; undefined if it is not known. */
export function destinationOf(first: FirstDestination): Destination | undefined {
  if (first === null) return undefined;
  return typeof first === "string" ? Destination.ofText(first) : Destination.of(first);
}

/** Whether a scope writes to the first destination, or may write to one that is not known. */
function mayWrite({ owner }: RequestScope, destination: Destination | undefined): boolean {
  return destination === undefined || destination.allowedBy(owner.policy.destinations);
}

const NO_WRITERS: readonly RequestScope[] = Object.freeze([]);

const NO_HEADERS: readonly SetHeader[] = Object.freeze([]);

interface Start {
  /** The latest scope of the calling code. */
  readonly latest: RequestScope | undefined;
  /** The scope that has members to pass on. */
  readonly writer: RequestScope | undefined;
  /** Set if the call makes spans. */
  readonly call: ClientCall | undefined;
  /** Whether only a ticket in the headers leads back to a call that makes spans. */
  readonly isHidden: boolean;
  readonly outer: UnmarkedCall | undefined;
}

class StartedRequest implements OutboundRequest {
  readonly #instance: Instance;
  readonly #start: Start;
  /** Whether only a ticket in the headers leads back to the call. */
  #hidesCall = false;
  #callTicket: string | undefined;
  #unmarked: UnmarkedCall | undefined;
  /** The text of a destination that was asked for, with the destination. */
  #text: string | undefined;
  #destination: Destination | undefined;

  constructor(instance: Instance, start: Start) {
    this.#instance = instance;
    this.#start = start;
  }

  get run(): <T>(fn: () => T) => T {
    const { call, latest } = this.#start;
    return call === undefined ? runnerIn(latest) : (fn) => call.run(fn);
  }

  get unmarked(): HeldCall | undefined {
    return this.#unmarked ?? this.#start.outer;
  }

  get makesSpans(): boolean {
    return this.#start.call !== undefined;
  }

  get hasWrittenUnmarked(): boolean {
    return this.#unmarked?.hasWritten === true;
  }

  adds(first: FirstDestination): boolean {
    const { writer, call, isHidden, outer } = this.#start;
    const adds = writer !== undefined && mayWrite(writer, this.#to(first));
    if (!adds && writer?.owner.policy.destinations.namesNobody === true) notice("NO_DESTINATION");
    if (!adds || call !== undefined) this.#unmarked ??= new UnmarkedCall(adds ? undefined : writer, call, outer);
    // A ticket would show whoever stands between that the call is wrapped.
    this.#hidesCall =
      call !== undefined && isHidden && this.#to(first)?.allowedBy(this.#instance.policy.destinations) === true;
    return adds || this.#hidesCall;
  }

  headersFor(first: FirstDestination, header: HeaderLines): readonly SetHeader[] {
    const destination = this.#to(first);
    const writers = this.#writersTo(destination);
    const present = header(TICKET_HEADER);
    const existing = header("baggage");
    const [writer] = writers;
    // The most frequent request by far.
    if (writer !== undefined && writers.length + present.length + existing.length === 1 && !this.#hidesCall) {
      const ticket: SetHeader = [TICKET_HEADER, ticketOf(writer.owner, writer.own)];
      return destination === undefined ? [ticket] : [["baggage", writer.own.text], ticket];
    }
    const tickets = writers.map(({ owner, own }) => ticketOf(owner, own));
    if (this.#hidesCall && this.#unmarked !== undefined) {
      this.#callTicket ??= ticketOfCall(this.#unmarked);
      tickets.push(this.#callTicket);
    }
    if (tickets.length === 0) return NO_HEADERS;
    if (present.length > 0) tickets.unshift(...othersTickets(present, writers));
    const ticket: SetHeader = [TICKET_HEADER, tickets.join(",")];
    // Without a destination the stop writes the line.
    if (destination === undefined || writers.length === 0) return [ticket];
    const policies = writers.map(({ owner }) => owner.policy);
    const baggage = new OutgoingBaggage(policies, writers, destination);
    for (const line of existing) baggage.add(line);
    return [["baggage", baggage.text], ticket];
  }

  #to(first: FirstDestination): Destination | undefined {
    if (typeof first !== "string") return destinationOf(first);
    if (first !== this.#text) {
      this.#text = first;
      this.#destination = destinationOf(first);
    }
    return this.#destination;
  }

  /** The scopes that write to the first destination, or that may write to one that is not known. */
  #writersTo(destination: Destination | undefined): readonly RequestScope[] {
    const { writer } = this.#start;
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
    const { stop } = this.#instance;
    stop.hold();
    let isHeld = true;
    return () => {
      if (isHeld) stop.letGo();
      isHeld = false;
      const unmarked = this.#unmarked;
      unmarked?.end();
      if (unmarked !== undefined && this.#callTicket !== undefined) withdrawTicket(this.#callTicket, unmarked);
    };
  }
}
