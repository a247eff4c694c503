import diagnosticsChannel from "node:diagnostics_channel";
import { attempt } from "../checks/diagnostics.ts";
import { ClientSpan } from "./client-span.ts";

/** An event that undici publishes about a request after it is made. */
interface RequestEvent {
  readonly request: object;
  readonly socket?: { readonly alpnProtocol?: unknown };
  readonly response?: { readonly statusCode: number };
  readonly error?: unknown;
}

const steps: readonly (readonly [channel: string, step: (span: ClientSpan, event: RequestEvent) => void])[] = [
  ["undici:client:sendHeaders", (span, { socket }) => span.written(socket?.alpnProtocol)],
  ["undici:request:headers", (span, { response }) => span.answered(response?.statusCode ?? 0)],
  ["undici:request:trailers", (span) => span.end()],
  // The caller may abort with any reason, also with undefined.
  ["undici:request:error", (span, { error }) => span.end(error ?? "aborted")],
];

const subscriptions = steps.map(([channel, step]) => [channel, (message: unknown) => follow(message, step)] as const);

let followers = 0;

/** Follows the requests that have a `ClientSpan`, until each result has been called. A result is idempotent. */
export function followRequests(): () => void {
  if (followers++ === 0)
    for (const [channel, onMessage] of subscriptions) diagnosticsChannel.subscribe(channel, onMessage);
  let follows = true;
  return () => {
    if (!follows) return;
    follows = false;
    if (--followers > 0) return;
    for (const [channel, onMessage] of subscriptions) diagnosticsChannel.unsubscribe(channel, onMessage);
  };
}

/** A subscriber that throws would end the process. */
function follow(message: unknown, step: (span: ClientSpan, event: RequestEvent) => void): void {
  // why: the channels' contract; tests against undici 6, 7 and 8 check its shape
  const event = message as RequestEvent;
  const span = ClientSpan.of(event.request);
  if (span !== undefined) {
    attempt("client-span", "an event of a request could not be put on its CLIENT span", () => step(span, event));
  }
}
