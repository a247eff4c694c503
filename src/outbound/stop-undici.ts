import { attempt } from "../checks/diagnostics.ts";
import { type HeaderPart, isName, linesOf } from "../http/header-parts.ts";
import { defineOwnMethod } from "../http/own-method.ts";
import { Destination } from "../policy/destination.ts";
import { policiesInForce } from "../policy/in-force.ts";
import { isClientSpanAwaited, tagClientSpan } from "./awaited-client-spans.ts";
import { guardFromCaches } from "./cached-responses.ts";
import { putIntoBlock, takeFromBlock } from "./header-block.ts";
import { outgoingLine } from "./outgoing-line.ts";
import { RequestOwner } from "./request-owner.ts";
import { callOf, TICKET_HEADER } from "./tickets.ts";
import { callsOfUndiciRequest, scopeOfUndiciRequest, spanMakerOf } from "./undici/caller-scope.ts";
import { NO_CALLS, type UnmarkedCall, unmarkedCalls } from "./unmarked-call.ts";
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
}

/** Writes the one `baggage` line to a request. Lines that are added later are merged into it. */
export function stopUndiciRequest(message: unknown): void {
  const request = requestOf(message);
  const lines: string[] = [];
  const tickets: string[] = [];
  takeOff(request, lines, tickets);
  const destination = attempt("egress", NO_DESTINATION, () => destinationOf(request));
  const calls = unmarkedCalls().live === 0 ? NO_CALLS : callsOf(request, tickets, destination);
  const spans = spanMakerOf(calls);
  const owner = new RequestOwner(tickets, {
    scope: () => (spans === undefined ? scopeOfUndiciRequest(request) : spans.scope),
    calls,
    isShared: spans?.isShared === true,
  });
  const baggage = outgoingLine(lines, owner, destination);
  put(request, baggage.text);
  guardFromCaches(request, baggage, destination);

  const { addHeader } = request;
  defineOwnMethod(request, "addHeader", function addHeaderOnce(name, value) {
    if (isName(name, TRACE_PARENT)) tagSpanIn(value, owner);
    if (!isName(name, "baggage")) return Reflect.apply(addHeader, request, [name, value]);
    // undici reads, or refuses, what is no text.
    if (typeof value !== "string") Reflect.apply(addHeader, request, [name, value]);
    const present: string[] = [];
    takeOff(request, present, []);
    if (typeof value === "string") present.push(value);
    for (const line of present) baggage.add(line);
    put(request, baggage.text);
    return request;
  });
  baggage.recordSize();
  noticeUnwrapped(owner, destination);
  spans?.begin(request, destination);
  tagSpansOf(request, owner);
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

function takeOff(request: UndiciRequest, lines: string[], tickets: string[]): void {
  const { headers } = request;
  if (typeof headers === "string") {
    const block = takeFromBlock(headers);
    lines.push(...block.baggage);
    tickets.push(...block.tickets);
    request.headers = block.rest;
    return;
  }
  for (let i = 0; i < headers.length; i += 2) {
    const target = isName(headers[i], "baggage") ? lines : isName(headers[i], TICKET_HEADER) ? tickets : undefined;
    if (target === undefined) continue;
    target.push(...linesOf(headers[i + 1]));
    headers.splice(i, 2);
    i -= 2;
  }
}

function put(request: UndiciRequest, text: string): void {
  if (typeof request.headers === "string") request.headers = putIntoBlock(request.headers, text);
  else if (text !== "") request.headers.push("baggage", text);
}
