import type { ClientRequest } from "node:http";
import { isAttentive } from "../checks/development.ts";
import { attempt, infoOnce } from "../checks/diagnostics.ts";
import type { Destination } from "../policy/destination.ts";
import type { EgressPolicy } from "../policy/egress-policy.ts";
import { policiesInForce } from "../policy/in-force.ts";
import { writingPolicies } from "./all-clients.ts";
import { guardFromCaches } from "./cached-responses.ts";
import { callingScope } from "./calling-scope.ts";
import { mayHoldOurs, putIntoBlock, takeFromBlock } from "./header-block.ts";
import { destinationOfHttp } from "./http-destination.ts";
import { outgoingLine } from "./outgoing-line.ts";
import { type Finders, RequestOwner } from "./request-owner.ts";
import { TICKET_HEADER } from "./tickets.ts";
import { NO_CALLS, unmarkedCalls } from "./unmarked-call.ts";
import { noticeUnwrapped } from "./unwrapped.ts";

/** node:http and node:https publish each request on this channel, in the caller's context, before anything is written. */
export const HTTP_CREATED = "http.client.request.created";

/**
 * The part of Node's request by which every header leaves, however it was set: Node makes the block's text in
 * `_storeHeader`, and puts it in front of the first data in `_send`. Before that, the text holds each value as Node
 * reads it. Node documents none of this; the tests hold it on each supported Node.
 */
interface MadeRequest {
  _header: string | null;
  _headerSent: boolean;
  _trailer: string;
  chunkedEncoding: boolean;
  /** With `Expect`, the block waits here when the request is published. */
  readonly outputData?: { data: unknown }[];
  outputSize: number;
  _storeHeader(firstLine: string, headers: unknown): unknown;
  _send(data: unknown, encoding: unknown, callback: unknown, byteLength: unknown): unknown;
  [BLOCK]?: StoppedBlock;
}

/** The property of a request that holds its block. Another copy of the package has a property of its own. */
const BLOCK = Symbol("otel-experiments.block");

/**
 * Takes own members off the header block of a request of node:http, each time that Node makes one, and writes those of
 * its scopes if they may go to its destination. The request itself is not changed: its methods give what Node gives.
 */
export function stopHttpRequest(message: unknown): void {
  // why: the channel's contract, documented by Node under "http.client.request.created"
  const { request } = message as { readonly request: ClientRequest };
  // why: Node offers no other way to see each header that leaves
  const made = request as unknown as MadeRequest;
  const before = { _storeHeader: made._storeHeader, _send: made._send };
  made._storeHeader = storeHeaderStopped;
  made._send = sendStopped;
  const { _storeHeader, _send } = inherited(made);
  const isNodes = before._storeHeader === _storeHeader && before._send === _send;
  if (isNodes && isQuiet() && isPlain(request, made)) return;
  const block = new StoppedBlock(request, made, before);
  made[BLOCK] = block;
  attempt("egress", NO_SCOPE, () => block.open());
}

/** Whether nothing is to be done for a plain request, unless its block gets `baggage` or a ticket later. */
function isQuiet(): boolean {
  return writingPolicies().size === 0 && unmarkedCalls().live === 0 && !isAttentive();
}

/** Whether a request has no block yet, and nothing that is to be taken off it. */
function isPlain(request: ClientRequest, { _header }: MadeRequest): boolean {
  return _header === null && !request.hasHeader("baggage") && !request.hasHeader(TICKET_HEADER);
}

// All requests get the same two functions: those of their own would keep each request alive through the next scavenges.

function storeHeaderStopped(this: MadeRequest, firstLine: string, headers: unknown): unknown {
  const result = (this[BLOCK]?.storeHeader ?? inherited(this)._storeHeader).call(this, firstLine, headers);
  blockOf(this)?.stop();
  return result;
}

function sendStopped(
  this: MadeRequest,
  data: unknown,
  encoding: unknown,
  callback: unknown,
  byteLength: unknown,
): unknown {
  // With Expect, Node sends the block before _storeHeader returns.
  if (!this._headerSent) blockOf(this)?.stop();
  const isEnd = this._trailer !== "" && this.chunkedEncoding && typeof callback === "function";
  const sent = isEnd ? withoutOwnTrailers(data) : data;
  return (this[BLOCK]?.send ?? inherited(this)._send).call(this, sent, encoding, callback, byteLength);
}

/** The block of a request. A plain request has none until there is something to take off. */
function blockOf(made: MadeRequest): StoppedBlock | undefined {
  if (made[BLOCK] === undefined && made._header !== null && mayHoldOurs(made._header)) {
    // why: these functions are on requests of node:http alone
    made[BLOCK] = new StoppedBlock(made as unknown as ClientRequest, made, inherited(made));
  }
  return made[BLOCK];
}

/** The methods of Node for a request. */
function inherited(request: MadeRequest): MadeRequest {
  // why: Node makes each request by a class
  return Object.getPrototypeOf(request) as MadeRequest;
}

const NOT_WRITTEN =
  "a request of node:http carries no variant, since its headers were given as an array or with Expect; give them as an object, and set Expect with request.setHeader";

/** The header block of one request. */
class StoppedBlock {
  /** The methods of the request before they were replaced. */
  readonly storeHeader: MadeRequest["_storeHeader"];
  readonly send: MadeRequest["_send"];
  readonly #request: ClientRequest;
  readonly #made: MadeRequest;
  /** The block as it was left. */
  #stopped: string | null = null;
  #owner = noOwner();
  /** False if Node has made the block before it published the request. */
  #isWriter = true;
  #isRecorded = false;
  /** Those in force when the request was made, if it had baggage: it may be sent after they have ended. */
  #policies: readonly EgressPolicy[] | undefined;

  constructor(request: ClientRequest, made: MadeRequest, before: Pick<MadeRequest, "_storeHeader" | "_send">) {
    this.storeHeader = before._storeHeader;
    this.send = before._send;
    this.#request = request;
    this.#made = made;
  }

  /** Finds the owner, in the caller's context. If it cannot be found, the request has none, and nothing is written. */
  open(): void {
    const request = this.#request;
    if (typeof this.#made._header === "string") {
      this.#isWriter = false;
      this.#openMade(this.#made._header);
      return;
    }
    const ticket: unknown = request.getHeader(TICKET_HEADER);
    if (ticket !== undefined) request.removeHeader(TICKET_HEADER);
    if (request.hasHeader("baggage")) this.#policies = [...policiesInForce()];
    const owner = this.#own(typeof ticket === "string" ? [ticket] : []);
    // A line that is written does the same.
    if (!isAttentive() && (writingPolicies().size === 0 || owner.writers.length > 0)) return;
    const destination = destinationOfHttp(request, request.method, request.path);
    guardFromCaches(request, undefined, destination);
    noticeUnwrapped(owner, destination);
  }

  #own(tickets: readonly string[]): RequestOwner {
    const owner = new RequestOwner(tickets, inContext());
    // Found now: Node may make the block in another context.
    if (owner.writers.length > 0) this.#owner = owner;
    return owner;
  }

  #openMade(before: string): void {
    const { outputData } = this.#made;
    this.#own(takeFromBlock(before).tickets);
    this.stop();
    const after = this.#made._header;
    const queued = outputData?.[0];
    if (after === null || typeof queued?.data !== "string" || !queued.data.startsWith(before)) return;
    queued.data = after + queued.data.slice(before.length);
    this.#made.outputSize += after.length - before.length;
  }

  /** Takes off first, and decides then: if something fails, nothing of ours is in the block. */
  stop(): void {
    const before = this.#made._header;
    if (typeof before !== "string" || before === this.#stopped) return;
    const { rest, baggage, tickets } = takeFromBlock(before);
    if (baggage.length + tickets.length + this.#owner.writers.length > 0) {
      this.#made._header = rest;
      this.#made._header = putIntoBlock(
        rest,
        attempt("egress", FAILED, () => this.#line(this.#linesOf(baggage), before)) ?? "",
      );
    }
    this.#stopped = this.#made._header;
  }

  /** With `uniqueHeaders`, Node joins the values of an array by a semicolon, which would hide members as properties. */
  #linesOf(lines: readonly string[]): readonly string[] {
    const [line, ...others] = lines;
    if (line === undefined || others.length > 0 || !line.includes("; ")) return lines;
    return Array.isArray(this.#request.getHeader("baggage")) ? line.split("; ") : lines;
  }

  /** By the block's first line (RFC 9112, section 3). */
  #destinationIn(block: string): Destination | undefined {
    const line = block.slice(0, block.indexOf("\r\n"));
    const first = line.indexOf(" ");
    return destinationOfHttp(this.#request, line.slice(0, first), line.slice(first + 1, line.lastIndexOf(" ")));
  }

  #line(lines: readonly string[], block: string): string {
    const destination = attempt("egress", NO_DESTINATION, () => this.#destinationIn(block));
    const line = outgoingLine(lines, this.#owner, destination, this.#policies);
    const { foreign, text } = line;
    guardFromCaches(this.#request, line, destination);
    if (!this.#isWriter) {
      if (text !== foreign) infoOnce("header-block", NOT_WRITTEN);
      return foreign;
    }
    if (!this.#isRecorded) {
      this.#isRecorded = true;
      attempt("egress", NOT_MEASURED, () => line.recordSize());
    }
    return text;
  }
}

/** For node:http, the async context is always that of the caller. */
function inContext(): Finders {
  const { live, storage } = unmarkedCalls();
  const call = live === 0 ? undefined : storage.getStore();
  return call === undefined ? CONTEXT : { scope: callingScope, calls: call.chain };
}

const CONTEXT: Finders = Object.freeze({ scope: callingScope, calls: NO_CALLS });

let noOwnerMade: RequestOwner | undefined;

/** The owner of a request that belongs to none. Made on first use: an import of the package makes no state. */
function noOwner(): RequestOwner {
  noOwnerMade ??= new RequestOwner([], { scope: () => undefined, calls: NO_CALLS });
  return noOwnerMade;
}

const NO_SCOPE = "the scope of an outgoing request could not be found, so it carries no variant";
const FAILED = "an outgoing request could not be checked, so it carries no baggage";
const NO_DESTINATION = "the destination of an outgoing request could not be found, so it carries no variant";
const NOT_MEASURED = "the own members of an outgoing request could not be measured";

/** The end of a body in chunks, with the trailers (RFC 9112, section 7.1.2). Own members and tickets are not in them. */
function withoutOwnTrailers(data: unknown): unknown {
  if (typeof data !== "string") return data;
  const { rest, baggage, tickets } = takeFromBlock(data);
  if (baggage.length + tickets.length === 0) return data;
  return putIntoBlock(rest, attempt("egress", FAILED, () => outgoingLine(baggage, noOwner(), undefined).foreign) ?? "");
}
