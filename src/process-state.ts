import { AsyncLocalStorage } from "node:async_hooks";
import type { Socket } from "node:net";
import type { OutgoingCall } from "./outbound/tickets.ts";
import type { EgressPolicy } from "./policy/egress-policy.ts";
import type { HeaderGetter } from "./policy/trust.ts";
import type { RequestScope } from "./scope/request-scope.ts";

/**
 * What all instances of a process share, and all copies of this package too: which scope is current, and who may
 * write to outgoing requests. Its shape changes only together with the version in its symbol.
 */
export interface ProcessState {
  readonly scopes: AsyncLocalStorage<RequestScope | undefined>;
  /** Experiments and variants that have a metric series without being declared. */
  readonly measured: Map<string, Set<string>>;
  readonly policies: Set<EgressPolicy>;
  /** Those that write to the requests of every client, and how often they were let. */
  readonly everywhere: Map<EgressPolicy, number>;
  /** Whether instances that are made from here on are among them. */
  everywhereByDefault: boolean;
  /** What opens a scope for a carrier that our propagator read, of each instance that is not closed. */
  readonly openers: Set<CarrierOpener>;
  /** Whether our propagator has read a carrier, so that contexts are worth asking. */
  extracts: boolean;
  /** Scopes that have outgoing requests, by the ticket that these carry until they are written. */
  readonly tickets: Map<string, WeakRef<RequestScope>>;
  /** Calls of clients that make spans, by the ticket that their requests carry until they are written. */
  readonly calls: Map<string, WeakRef<OutgoingCall>>;
  /** Whether others make spans of what is outgoing, so that ours makes none. */
  leavesSpansToOthers: boolean;
  /** Requests that may arrive in the process that made them, oldest first. */
  selfCalls: readonly SelfCall[];
  /** The members of those that have arrived, by the server's request. */
  readonly takenSelfCalls: WeakMap<object, string>;
  /** CLIENT spans whose own context does not say whose request they are of, by span id, oldest first. */
  readonly clientSpans: Map<string, object>;
  /** Takes the subscriptions to the diagnostics channels back; undefined while there are none. */
  unsubscribe: (() => void) | undefined;
  /** Whether `otel-experiments/register` has decorated OpenTelemetry. */
  registered: boolean;
}

/** Opens one instance's scope by the `baggage` of a carrier, which `trustInbound` judges by the other headers. */
export type CarrierOpener = (baggage: string, header: HeaderGetter, outer: RequestScope | undefined) => RequestScope;

/**
 * A request that may arrive in the process that makes it, as an integration test's does. What its author wrote by hand
 * does not leave the process; but a server of this process at which it arrives is given it, and judges it as it judges
 * what comes over the wire.
 */
export interface SelfCall {
  /** The client's request, of node:http or of undici. */
  readonly request: ClientSide;
  /** The own members that were taken off it. */
  readonly members: string;
  /** The client's end of the connection, where the request does not show it. */
  socket: Socket | undefined;
}

/** What node:http and undici show of a request. */
export interface ClientSide {
  readonly socket?: Socket | null;
  readonly destroyed?: boolean;
  readonly method?: string;
  readonly path?: string;
  readonly completed?: boolean;
  readonly aborted?: boolean;
}

const STATE = Symbol.for("otel-experiments.process.v1");

interface StateHolder {
  [STATE]?: ProcessState;
}

export function processState(): ProcessState {
  // why: a property under our own symbol, which no declaration of the global object has
  const holder = globalThis as StateHolder;
  holder[STATE] ??= {
    scopes: new AsyncLocalStorage(),
    measured: new Map(),
    policies: new Set(),
    everywhere: new Map(),
    everywhereByDefault: false,
    openers: new Set(),
    extracts: false,
    tickets: new Map(),
    calls: new Map(),
    leavesSpansToOthers: false,
    selfCalls: [],
    takenSelfCalls: new WeakMap(),
    clientSpans: new Map(),
    unsubscribe: undefined,
    registered: false,
  };
  return holder[STATE];
}

/** Whether nobody was given this answer before: what a process does once, whichever copy of the package does it. */
export function takeRegistration(): boolean {
  const state = processState();
  const isFirst = !state.registered;
  state.registered = true;
  return isFirst;
}
