import { isAttentive } from "../checks/development.ts";
import { attempt } from "../checks/diagnostics.ts";
import { type HeaderPart, isName, linesOf } from "../http/header-parts.ts";
import { Destination } from "../policy/destination.ts";
import { policiesInForce } from "../policy/in-force.ts";
import type { OutgoingBaggage } from "../propagation/outgoing-baggage.ts";
import type { RequestScope } from "../scope/request-scope.ts";
import { writingPolicies } from "./all-clients.ts";
import { isClientSpanAwaited, tagClientSpan } from "./awaited-client-spans.ts";
import { guardFromCaches } from "./cached-responses.ts";
import { putIntoBlock, takeFromBlock } from "./header-block.ts";
import { outgoingLine } from "./outgoing-line.ts";
import { type Finders, RequestOwner } from "./request-owner.ts";
import { callOf, TICKET_HEADER } from "./tickets.ts";
import { callsOfUndiciRequest, scopeOfUndiciRequest, spanMakerOf } from "./undici/caller-scope.ts";
import { NO_CALLS, type SpanMaker, type UnmarkedCall, unmarkedCalls } from "./unmarked-call.ts";
import { noticeUnwrapped } from "./unwrapped.ts";

/** undici and the built-in fetch publish each request on this channel before it is written, also each hop and retry. */
export const UNDICI_CREATE = "undici:request:create";

const TRACE_PARENT = "traceparent";

/** The place of the span id in `traceparent`, after `00-`, 32 digits and a hyphen: W3C Trace Context, section 3.2. */
const SPAN_ID = { start: 36, end: 52 } as const;

/** The part of undici's request that is used here. It is the same in 6, 7 and 8; in 5 the headers are one text. */
interface UndiciRequest {
  readonly origin: unknown;
  readonly path: string;
  readonly method: string;
  /** Alternating names and values, or `Name: value` lines. */
  headers: HeaderPart[] | string;
  addHeader(name: string, value: HeaderPart): unknown;
  [STOPPED]?: StoppedRequest;
}

/** The property of a request that holds its state. Another copy of the package has a property of its own. */
const STOPPED: unique symbol = Symbol("otel-experiments.stopped");

/** The lines that were taken off a request. */
interface Taken {
  readonly baggage: readonly string[];
  readonly tickets: readonly string[];
}

const NOTHING: Taken = Object.freeze({ baggage: Object.freeze([]), tickets: Object.freeze([]) });

/** Writes the one `baggage` line to a request. Lines that are added later are merged into it. */
export function stopUndiciRequest(message: unknown): void {
  const request = requestOf(message);
  const taken = takeOff(request);
  const inheritedMethod = inherited(request).addHeader;
  if (taken !== undefined || !isQuiet() || request.addHeader !== inheritedMethod) stop(request, taken ?? NOTHING);
  else request.addHeader = addHeaderStopped;
}

function stop(request: UndiciRequest, taken: Taken): void {
  const stopped = new StoppedRequest(request, taken);
  const { owner, destination, line, spans } = stopped;
  put(request, line.text);
  guardFromCaches(request, line, destination);
  request[STOPPED] = stopped;
  request.addHeader = addHeaderStopped;
  line.recordSize();
  noticeUnwrapped(owner, destination);
  spans?.begin(request, destination);
  tagSpansOf(request, owner);
}

/** Whether nothing is to be done for a request without `baggage` and without a ticket. */
function isQuiet(): boolean {
  return writingPolicies().size === 0 && unmarkedCalls().live === 0 && !isAttentive() && !isClientSpanAwaited();
}

/** The methods that a request has from its class. */
function inherited(request: UndiciRequest): UndiciRequest {
  // why: undici makes each request by a class
  return Object.getPrototypeOf(request) as UndiciRequest;
}

/** All requests share this function: one of its own would keep each request alive through the next scavenges. */
function addHeaderStopped(this: UndiciRequest, name: string, value: HeaderPart): unknown {
  const isBaggage = isName(name, "baggage");
  const isAwaited = isName(name, TRACE_PARENT) && isClientSpanAwaited();
  // A request that was left as it was gets its state only now, and no own members.
  if (isBaggage || isAwaited) this[STOPPED] ??= new StoppedRequest(this, undefined);
  const stopped = this[STOPPED];
  if (isAwaited && stopped !== undefined) tagSpanIn(value, stopped.owner);
  const { addHeader } = stopped ?? inherited(this);
  if (!isBaggage || stopped === undefined) return Reflect.apply(addHeader, this, [name, value]);
  // undici reads, or refuses, what is no text.
  if (typeof value !== "string") Reflect.apply(addHeader, this, [name, value]);
  for (const line of takeOff(this)?.baggage ?? []) stopped.line.add(line);
  if (typeof value === "string") stopped.line.add(value);
  put(this, stopped.line.text);
  return this;
}

/** The state of a request. */
class StoppedRequest implements Finders {
  /** The method that was replaced: undici's, or that of another copy of the package. */
  readonly addHeader: UndiciRequest["addHeader"];
  readonly destination: Destination | undefined;
  readonly calls: readonly UnmarkedCall[];
  readonly spans: SpanMaker | undefined;
  readonly isShared: boolean;
  readonly owner: RequestOwner;
  readonly line: OutgoingBaggage;
  readonly #request: UndiciRequest;

  /**
   * @param taken what was taken off the request that is being published; undefined if it was published before, since the
   * running code does not tell any more who made it
   */
  constructor(request: UndiciRequest, taken: Taken | undefined) {
    const { baggage, tickets } = taken ?? NOTHING;
    const isPublished = taken !== undefined;
    this.#request = request;
    this.addHeader = (isPublished ? request : inherited(request)).addHeader;
    this.destination = attempt("egress", NO_DESTINATION, () => destinationOf(request));
    const isCalled = isPublished && unmarkedCalls().live > 0;
    this.calls = isCalled ? callsOf(request, tickets, this.destination) : NO_CALLS;
    this.spans = isCalled ? spanMakerOf(this.calls) : undefined;
    this.isShared = !isPublished || this.spans?.isShared === true;
    this.owner = new RequestOwner(tickets, this);
    this.line = outgoingLine(baggage, this.owner, this.destination);
  }

  scope(): RequestScope | undefined {
    return this.spans === undefined ? scopeOfUndiciRequest(this.#request) : this.spans.scope;
  }
}

function callsOf(
  request: UndiciRequest,
  tickets: readonly string[],
  destination: Destination | undefined,
): readonly UnmarkedCall[] {
  const found = attempt(
    "egress",
    NO_CALL,
    () =>
      callOf(tickets)?.chain ??
      callsOfUndiciRequest(
        request,
        destination,
        (calls) => calls.some((call) => call.spans !== undefined || call.mayWriteTo(destination)) || restrictsForeign(),
      ),
  );
  return found ?? NO_CALLS;
}

/** Whether it depends on the wrapper of a call where foreign members may go. */
function restrictsForeign(): boolean {
  for (const { foreignBaggage } of policiesInForce()) if (foreignBaggage !== "everywhere") return true;
  return false;
}

/** For an instrumentation that wrote its `traceparent` before this subscriber ran; a later one calls `addHeader`. */
function tagSpansOf({ headers }: UndiciRequest, owner: RequestOwner): void {
  if (typeof headers === "string" || !isClientSpanAwaited()) return;
  for (let i = 0; i < headers.length; i += 2) {
    if (isName(headers[i], TRACE_PARENT)) tagSpanIn(headers[i + 1], owner);
  }
}

/** Sets the scope of the span that a `traceparent` names, if that CLIENT span is awaited. */
function tagSpanIn(value: HeaderPart, owner: RequestOwner): void {
  for (const line of linesOf(value)) {
    const spanId = line.slice(SPAN_ID.start, SPAN_ID.end);
    if (!isClientSpanAwaited(spanId)) continue;
    const { scope } = owner;
    if (scope !== undefined) tagClientSpan(spanId, scope);
  }
}

function requestOf(message: unknown): UndiciRequest {
  // why: the channel's contract; tests against undici 6, 7 and 8 check its shape
  return (message as { readonly request: UndiciRequest }).request;
}

const NO_CALL = "the call of an outgoing request could not be found";

const NO_DESTINATION = "the destination of an outgoing request could not be found, so it carries no variant";

/**
 * The origin that is connected to, and with it the target that an absolute form names; undefined for `CONNECT`. undici 6
 * shows the origin that the caller names, also if a client or a proxy agent connects elsewhere: it is not known then where
 * an absolute form goes.
 */
function destinationOf(request: UndiciRequest): Destination | undefined {
  const { method, path, origin } = request;
  if (method === "CONNECT") return undefined;
  if (path.startsWith("/")) return new Destination(originOf(origin), path);
  // undici 7 has taken this option away.
  const isShown = !("throwOnError" in request);
  return Destination.absolute(path, isShown ? new Destination(originOf(origin), "/") : undefined);
}

function originOf(origin: unknown): string {
  return origin instanceof URL ? origin.origin : String(origin).replace(/\/$/, "");
}

/** Takes the `baggage` and ticket lines off. Undefined if there are none. */
function takeOff(request: UndiciRequest): Taken | undefined {
  const { headers } = request;
  if (typeof headers === "string") {
    const block = takeFromBlock(headers);
    request.headers = block.rest;
    return block.baggage.length + block.tickets.length === 0 ? undefined : block;
  }
  let taken: { readonly baggage: string[]; readonly tickets: string[] } | undefined;
  let kept = 0;
  for (let i = 0; i < headers.length; i += 2) {
    const isBaggage = isName(headers[i], "baggage");
    if (isBaggage || isName(headers[i], TICKET_HEADER)) {
      taken ??= { baggage: [], tickets: [] };
      (isBaggage ? taken.baggage : taken.tickets).push(...linesOf(headers[i + 1]));
      continue;
    }
    if (kept < i) [headers[kept], headers[kept + 1]] = [headers[i], headers[i + 1]];
    kept += 2;
  }
  if (taken !== undefined) headers.length = kept;
  return taken;
}

function put(request: UndiciRequest, text: string): void {
  if (typeof request.headers === "string") request.headers = putIntoBlock(request.headers, text);
  else if (text !== "") request.headers.push("baggage", text);
}
