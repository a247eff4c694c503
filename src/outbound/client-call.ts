import { AsyncLocalStorage } from "node:async_hooks";
import { type Attributes, type Context, context, type Span, SpanKind, trace } from "@opentelemetry/api";
import { isTracingSuppressed } from "@opentelemetry/core";
import { attempt, warnOnce } from "../checks/diagnostics.ts";
import { defineOwnMethod } from "../http/own-method.ts";
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
import { callOf, TICKET_HEADER } from "./tickets.ts";
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
import { spanMakerOfUndiciRequest } from "./undici/caller-scope.ts";
import type { SpanMaker, UnmarkedCall } from "./unmarked-call.ts";

/** A call of a client, as the client describes it. */
export interface CalledRequest {
  /** Reads the headers of the call. */
  readonly header: HeaderLines;
  /** For a client that repeats requests: undici's handler, the same for all requests of one call, and unique to it. */
  readonly handler?: object;
  /** Whether layers of undici may hide the handler, and repeat the request. Default: false. */
  readonly hidesHandler?: boolean;
  /** Whether others who have other members share the answer; then no own members are written. Default: false. */
  readonly isShared?: boolean;
}

/** Whether an instrumentation makes spans of outgoing requests; then the package makes none. */
export const otherClientSpans: () => { areMade: boolean } = processWide("other-client-spans.v1", () => ({
  areMade: false,
}));

/** The number of requests of one call, over all of its hops and attempts. */
interface Resending {
  readonly handler: object | undefined;
  sends: number;
}

/** Set within a request's callbacks, which may repeat the request. */
const resending = processWide("resending.v1", () => new AsyncLocalStorage<Resending>());

/**
 * A call of a client that makes spans. Its scope and context are those in which the client is called, for each hop and
 * each attempt: sockets and timers make these in the async context of some other request.
 */
export class ClientCall implements SpanMaker {
  readonly #active: Context;
  readonly scope: RequestScope | undefined;
  readonly isShared: boolean;
  readonly #measured: RequestScope | undefined;
  readonly #given: readonly string[];
  readonly #resending: Resending;

  constructor(owner: ScopeOwner, { header, handler, isShared = false }: CalledRequest) {
    this.isShared = isShared;
    this.#active = context.active();
    this.scope = latestScope(this.#active);
    this.#measured = scopeOwnedBy(owner, this.scope);
    this.#given = membersOf(traceHeaderNames(), header);
    const outer = resending().getStore();
    const isResent = handler !== undefined && outer?.handler === handler;
    this.#resending = isResent ? outer : { handler, sends: 0 };
  }

  /** Runs a callback of the call in the call's scope and context. */
  run<T>(fn: () => T): T {
    return resending().run(this.#resending, () => this.#runInPlace(fn));
  }

  #runInPlace<T>(fn: () => T): T {
    return scopeStorage().run(this.scope, () => context.with(this.#active, fn));
  }

  /** Starts the span of a request that undici has not written yet, and writes the trace context to the request. */
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
      // Span processors run in this call's context: the channel may run in another request's.
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
    // The caller's trace context is removed as a whole: a tracestate must not stay without its traceparent.
    if (written.size > 0) for (const name of names) if (!written.has(name)) takeHeader(request, name);
    // The stop has replaced `addHeader`: it merges this into the one line, without own and invalid members.
    if (baggage !== undefined) request.addHeader("baggage", baggage);

    const { addHeader } = request;
    defineOwnMethod(request, "addHeader", function addForeignHeader(name, value) {
      if (!clientSpan.over && names.includes(name.toLowerCase())) {
        clientSpan.drop();
        for (const own of written) takeHeader(request, own);
        leaveSpansToOthers();
      }
      return Reflect.apply(addHeader, request, [name, value]);
    });
  }
}

/**
 * Whether a client with `spans: true` makes the span of a request of undici: for the option `ignoreRequestHook` of
 * `UndiciInstrumentation`. Never throws.
 */
export function ignoreExperimentRequests(request: object): boolean {
  if (otherClientSpans().areMade) return false;
  const ignores = attempt("client-span", "ignoreExperimentRequests could not read a request", () => {
    // The hook may run before the package's subscriber or after it.
    if (ClientSpan.of(request) !== undefined) return true;
    if (!isUnwritten(request)) return false;
    return callOf(headerLines(request)(TICKET_HEADER)) !== undefined || spanMakerOfUndiciRequest(request) !== undefined;
  });
  return ignores ?? false;
}

/**
 * Undefined if the call gets no span: under `suppressTracing`, within another call, or if an instrumentation makes spans.
 *
 * @param outer the unmarked call that makes this one
 */
export function clientCall(
  owner: ScopeOwner,
  called: CalledRequest,
  outer: UnmarkedCall | undefined,
): ClientCall | undefined {
  if (otherClientSpans().areMade) return undefined;
  return attempt("client-span", "a call could not be read, so it has no CLIENT spans", () =>
    isTracingSuppressed(context.active()) || (called.handler !== undefined && outer?.makesSpans === true)
      ? undefined
      : new ClientCall(owner, called),
  );
}

type OutgoingRequest = UnwrittenRequest & { readonly method: string; addHeader: UnwrittenRequest["addHeader"] };

/** False before undici 6, whose headers are one text. */
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
    "an instrumentation makes spans for the requests of a client with spans: true, so the client makes no more; give UndiciInstrumentation the ignoreRequestHook: ignoreExperimentRequests of otel-experiments/undici",
  );
}
