import { AsyncLocalStorage } from "node:async_hooks";
import { type Attributes, type Context, context, type Span, SpanKind, trace } from "@opentelemetry/api";
import { isTracingSuppressed } from "@opentelemetry/core";
import { attempt, warnOnce } from "../checks/diagnostics.ts";
import { ClientSpan } from "../http-spans/client-span.ts";
import { followRequests } from "../http-spans/client-span-channels.ts";
import { methodAttributes, methodOf, redactUrl, spanName } from "../http-spans/http-attributes.ts";
import type { Destination } from "../policy/destination.ts";
import { processWide } from "../process-wide.ts";
import { scopeOwnedBy } from "../scope/chain.ts";
import { scopeStorage } from "../scope/current.ts";
import { latestScope } from "../scope/finding.ts";
import type { RequestScope, ScopeOwner } from "../scope/request-scope.ts";
import { SCOPE_NAME, VERSION } from "../version.ts";
import { callOf, type OutgoingCall, TICKET_HEADER } from "./tickets.ts";
import {
  carriedFrom,
  type HeaderLines,
  headerLines,
  membersOf,
  putHeader,
  takeHeader,
  traceHeaderNames,
  type UnwrittenRequest,
} from "./trace-headers.ts";

/** What a client says of a call that it makes spans for. */
export interface CalledRequest {
  /** The headers that the caller gave. */
  readonly header: HeaderLines;
  /** What a client that makes requests anew gives again with each of them, and nobody else at the time. */
  readonly identity?: object;
}

/** Whether an instrumentation makes spans of outgoing requests, so that we make none. */
export const otherClientSpans: () => { areMade: boolean } = processWide("other-client-spans.v1", () => ({
  areMade: false,
}));

/** How often the requests of a call were made, over all of its hops and attempts. */
interface Resending {
  readonly identity: object | undefined;
  sends: number;
}

/** Within a request's callbacks: the request, which these may make anew. */
const resending = new AsyncLocalStorage<Resending>();

/**
 * A call of a client that makes spans. What it belongs to is decided when the client is called, and holds for each hop
 * and each attempt: these are made from sockets and timers, in the async context of whichever request came last.
 */
export class ClientCall implements OutgoingCall {
  readonly #active: Context;
  readonly scope: RequestScope | undefined;
  readonly #measured: RequestScope | undefined;
  readonly #given: readonly string[];
  readonly #resending: Resending;

  constructor(owner: ScopeOwner, { header, identity }: CalledRequest) {
    this.#active = context.active();
    this.scope = latestScope(this.#active);
    this.#measured = scopeOwnedBy(owner, this.scope);
    this.#given = membersOf(traceHeaderNames(), header);
    const outer = resending.getStore();
    const isAnew = identity !== undefined && outer?.identity === identity;
    this.#resending = isAnew ? outer : { identity, sends: 0 };
  }

  /** Runs code later in what the call was made in, as one of its callbacks. */
  run<T>(fn: () => T): T {
    return resending.run(this.#resending, () => this.#runInPlace(fn));
  }

  #runInPlace<T>(fn: () => T): T {
    return scopeStorage().run(this.scope, () => context.with(this.#active, fn));
  }

  /** Starts the span of a request that undici has made and not yet written, and puts its trace context on it. */
  begin(request: object, destination: Destination | undefined): void {
    const resends = this.#resending.sends++;
    if (otherClientSpans().areMade || !isUnwritten(request)) return;
    attempt("client-span", "the CLIENT span of a request could not be started", () => {
      const names = traceHeaderNames();
      if (hasOthers(membersOf(names, headerLines(request)), this.#given)) leaveSpansToOthers();
      else this.#start(request, names, destination?.url, resends);
    });
  }

  #start(request: OutgoingRequest, names: readonly string[], url: URL | undefined, resends: number): void {
    const server = url === undefined ? {} : serverAttributes(url);
    const span = this.#spanOf(request.method, {
      ...methodAttributes(request.method),
      ...server,
      ...(url === undefined ? {} : { "url.full": redactUrl(url) }),
      ...(resends === 0 ? {} : { "http.request.resend_count": resends }),
    });
    const active = span === undefined ? this.#active : trace.setSpan(this.#active, span);
    const measured = { "http.request.method": methodOf(request.method), ...server };
    const clientSpan = new ClientSpan({ span, active, scope: this.#measured, measured }, followRequests());
    clientSpan.attachTo(request);
    if (span !== undefined) this.#inject(request, clientSpan, active, names);
  }

  #spanOf(method: string, attributes: Attributes): Span | undefined {
    return attempt("client-span", "the CLIENT span of a request could not be started", () =>
      // What processors do on start is of this request, whichever request's context the channel runs in.
      this.#runInPlace(() =>
        trace
          .getTracer(SCOPE_NAME, VERSION)
          .startSpan(spanName(method), { kind: SpanKind.CLIENT, attributes }, this.#active),
      ),
    );
  }

  #inject(request: OutgoingRequest, clientSpan: ClientSpan, active: Context, names: readonly string[]): void {
    const { trace: traceHeaders, baggage } = this.#runInPlace(() => carriedFrom(active));
    const written = new Set(traceHeaders.map(([name]) => name.toLowerCase()));
    for (const [name, value] of traceHeaders) putHeader(request, name, value);
    // Of the caller's trace context nothing is left, such as a tracestate without its traceparent.
    if (written.size > 0) for (const name of names) if (!written.has(name)) takeHeader(request, name);
    // The one line is kept one, free of own members and of what cannot stand in it, by what guards each request.
    if (baggage !== undefined) request.addHeader("baggage", baggage);

    const { addHeader } = request;
    request.addHeader = function addHeaderOfOthers(name, value) {
      if (!clientSpan.over && names.includes(name.toLowerCase())) {
        clientSpan.drop();
        for (const own of written) takeHeader(request, own);
        leaveSpansToOthers();
      }
      return Reflect.apply(addHeader, request, [name, value]);
    };
  }
}

/**
 * Whether a request of undici's is one that a client with `spans: true` makes the span of: what
 * `UndiciInstrumentation` takes as its `ignoreRequestHook`. Never throws.
 */
export function ignoreExperimentRequests(request: object): boolean {
  if (otherClientSpans().areMade) return false;
  const ignores = attempt("client-span", "a request could not be looked at by ignoreExperimentRequests", () => {
    // It may be asked before us, while the request has its ticket, or after us.
    if (ClientSpan.of(request) !== undefined) return true;
    return isUnwritten(request) && callOf(headerLines(request)(TICKET_HEADER)) !== undefined;
  });
  return ignores ?? false;
}

/** Undefined where no span is to be made: under `suppressTracing`, behind another call's, or where others make them. */
export function clientCall(owner: ScopeOwner, called: CalledRequest): ClientCall | undefined {
  if (otherClientSpans().areMade) return undefined;
  return attempt("client-span", "a call could not be looked at, so it has no CLIENT spans", () =>
    isTracingSuppressed(context.active()) || callOf(called.header(TICKET_HEADER)) !== undefined
      ? undefined
      : new ClientCall(owner, called),
  );
}

type OutgoingRequest = UnwrittenRequest & { readonly method: string; addHeader: UnwrittenRequest["addHeader"] };

/** Before undici 6, headers were one text. */
function isUnwritten(request: object): request is OutgoingRequest {
  return "headers" in request && Array.isArray(request.headers) && "method" in request && "addHeader" in request;
}

function hasOthers(present: readonly string[], given: readonly string[]): boolean {
  const others = [...present];
  for (const line of given) {
    const index = others.indexOf(line);
    if (index !== -1) others.splice(index, 1);
  }
  return others.length > 0;
}

function serverAttributes({ hostname, port, protocol }: URL): Attributes {
  return {
    "server.address": hostname.replace(/^\[|\]$/g, ""),
    "server.port": port === "" ? (protocol === "https:" ? 443 : 80) : Number(port),
  };
}

function leaveSpansToOthers(): void {
  const others = otherClientSpans();
  if (others.areMade) return;
  others.areMade = true;
  warnOnce(
    "client-span-twice",
    "an instrumentation makes spans for the requests of a client with spans: true, which makes none from here on; give UndiciInstrumentation the ignoreRequestHook: ignoreExperimentRequests of otel-experiments/undici",
  );
}
