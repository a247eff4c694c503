import diagnosticsChannel from "node:diagnostics_channel";
import type { IncomingMessage } from "node:http";
import { attempt } from "../checks/diagnostics.ts";
import { isName, linesOf } from "../http/header-parts.ts";
import type { Destination } from "../policy/destination.ts";
import { processWide } from "../process-wide.ts";
import type { OutgoingBaggage } from "../propagation/outgoing-baggage.ts";
import { writingPolicies } from "./all-clients.ts";
import { isRequestBehindLayers } from "./undici/caller-scope.ts";

/** undici publishes the headers of each response on this channel before any handler gets them. */
const UNDICI_HEADERS = "undici:request:headers";

/** node:http publishes each response on this channel before the client gets it. */
const HTTP_RESPONSE = "http.client.response.finish";

/** The property of a request that says whether the layers above may keep its response. */
const GUARD = Symbol.for("otel-experiments.cache-guard.v1");

/** The value for a request whose members no layer above has seen. Else it is the request's destination. */
const UNSEEN = "unseen";

interface Guarded {
  [GUARD]?: Destination | typeof UNSEEN;
}

/** `end` ends the subscription; undefined while there is none. */
const watching = processWide("cached-responses.v1", (): { end: (() => void) | undefined } => ({ end: undefined }));

/**
 * Keeps a cache above undici or node:http from storing the response for requests with other members. A cache knows the
 * headers that it was given, so a response that depends on members which the stop has written must answer no other
 * request; and a response to a request without members must not answer one that gets some.
 *
 * @param baggage undefined if the request has none
 */
export function guardFromCaches(
  request: object,
  baggage: OutgoingBaggage | undefined,
  destination: Destination | undefined,
): void {
  const isChanged = baggage !== undefined && (baggage.isWritten || baggage.removed.length > 0);
  const guard = !isChanged ? destination : baggage.wasSeen ? undefined : UNSEEN;
  if (guard === undefined || (guard !== UNSEEN && writingPolicies().size === 0)) return;
  const guarded: Guarded = request;
  guarded[GUARD] = guard;
  watching().end ??= watchResponses();
}

/** Ends what the guard does to responses. */
export function endGuard(): void {
  const state = watching();
  state.end?.();
  state.end = undefined;
}

function watchResponses(): () => void {
  const watches = [
    [UNDICI_HEADERS, withoutThrowing(guardUndici)],
    [HTTP_RESPONSE, withoutThrowing(guardHttp)],
  ] as const;
  for (const [channel, watch] of watches) diagnosticsChannel.subscribe(channel, watch);
  return () => {
    for (const [channel, watch] of watches) diagnosticsChannel.unsubscribe(channel, watch);
  };
}

function withoutThrowing(guard: (message: unknown) => void): (message: unknown) => void {
  return (message) => {
    attempt("egress", "a response could not be kept from caches", () => guard(message));
  };
}

function guardUndici(message: unknown): void {
  // why: the channel's contract; tests against undici 6, 7 and 8 check its shape
  const { request, response } = message as { readonly request: Guarded; readonly response: { headers: unknown } };
  if (isGuarded(request, response.headers) && isRequestBehindLayers(request)) forbidReuse(response.headers);
}

/** Nothing shows whether a cache stands above a request of node:http. */
function guardHttp(message: unknown): void {
  // why: the channel's contract, documented by Node under "http.client.response.finish"
  const { request, response } = message as { readonly request: Guarded; readonly response: IncomingMessage };
  if (!isGuarded(request, response.rawHeaders)) return;
  forbidReuse(response.rawHeaders);
  forbidReuse(response.headers);
}

function isGuarded(request: Guarded, headers: unknown): boolean {
  const guard = request[GUARD];
  return guard !== undefined && variesByBaggage(headers) && (guard === UNSEEN || isWrittenTo(guard));
}

/** Whether other requests to the destination may get own members that no cache sees. */
function isWrittenTo(destination: Destination): boolean {
  for (const { destinations } of writingPolicies().keys()) if (destination.allowedBy(destinations)) return true;
  return false;
}

/** The value of `Vary` that matches no other request: RFC 9111, section 4.1. */
const ANYTHING = "*";

/**
 * Whether the origin says that the response depends on the request's `baggage`.
 *
 * @param headers alternating names and values as undici reads them from the wire, or an object by lower-case names
 */
export function variesByBaggage(headers: unknown): boolean {
  if (Array.isArray(headers))
    return headers.some((name, i) => i % 2 === 0 && isName(name, "vary") && namesBaggage(headers[i + 1]));
  return typeof headers === "object" && headers !== null && namesBaggage(Reflect.get(headers, "vary"));
}

function namesBaggage(vary: unknown): boolean {
  return linesOf(vary).some((line) => line.split(",").some((name) => isName(name.trim(), "baggage")));
}

/** Changes headers of these forms so that no cache answers another request with the response. */
export function forbidReuse(headers: unknown): void {
  if (Array.isArray(headers)) {
    for (let i = 0; i < headers.length; i += 2) {
      if (isName(headers[i], "vary"))
        headers[i + 1] = headers[i + 1] instanceof Uint8Array ? Buffer.from(ANYTHING) : ANYTHING;
    }
  } else if (typeof headers === "object" && headers !== null) Reflect.set(headers, "vary", ANYTHING);
}
