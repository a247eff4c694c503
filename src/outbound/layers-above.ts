import { linesOf } from "../http/header-parts.ts";
import type { Instance } from "../instance/instance.ts";
import { processWide } from "../process-wide.ts";
import { forbidReuse, variesByBaggage } from "./cached-responses.ts";
import { destinationOf, type FirstDestination, type OutboundRequest } from "./outbound-request.ts";
import { linesOfTickets, TICKET_HEADER } from "./tickets.ts";
import { callSites } from "./undici/call-sites.ts";
import { isEntry, SHARING } from "./undici/direct-dispatch.ts";
import { isBehindLayers } from "./undici/handlers.ts";
import { packageOf } from "./undici/package.ts";

/** undici's interceptor `deduplicate` publishes here each request that others may share, before it is dispatched. */
export const UNDICI_PENDING = "undici:request:pending-requests";

/** Requests that may be shared at one time. Beyond this many, requests count as shared until all are over. */
const MAX_PENDING = 4096;

/** The requests under way that others may share who have other members, by undici's key, with the number of layers. */
const pending = processWide("pending-requests.v1", () => ({ keys: new Map<string, number>(), overflows: false }));

/** Notes what the interceptor publishes. */
export function noteShared(message: unknown): void {
  // why: the channel's contract; tests against undici 7 and 8 check its shape
  const { type, key } = message as { readonly type: unknown; readonly key: unknown };
  if (typeof key !== "string") return;
  const state = pending();
  const layers = state.keys.get(key) ?? 0;
  if (type === "added") {
    if (hasTicket(key)) return;
    if (state.keys.size < MAX_PENDING || layers > 0) state.keys.set(key, layers + 1);
    else state.overflows = true;
  } else if (layers > 1) state.keys.set(key, layers - 1);
  else {
    state.keys.delete(key);
    if (state.keys.size === 0) state.overflows = false;
  }
}

/** Whether all who share the request have the same members. Older versions write keys of another form: then not. */
function hasTicket(key: string): boolean {
  if (!key.includes(TICKET_HEADER)) return false;
  try {
    const parts: unknown = JSON.parse(key);
    const headers: unknown = Array.isArray(parts) ? parts[3] : undefined;
    if (typeof headers !== "object" || headers === null || !Object.hasOwn(headers, TICKET_HEADER)) return false;
    return linesOfTickets(linesOf(Reflect.get(headers, TICKET_HEADER))).length > 0;
  } catch {
    return false;
  }
}

/** The interceptors outside of ours on one dispatch, which see neither its members nor its ticket. */
export interface LayersAbove {
  /**
   * Whether others may be waiting for the answer to the dispatch, who have other members: undici's `deduplicate` compares
   * the headers that it was given. True if it is not certain.
   */
  readonly isShared: boolean;
  /**
   * Changes the headers of the response so that no cache stores it, if they say that it depends on `baggage`.
   *
   * @param first gives the first destination; null if it is not known
   * @param outboundRequest undefined if nothing of ours is on the request
   */
  guard(headers: unknown, first: () => FirstDestination, outboundRequest: OutboundRequest | undefined): void;
}

/**
 * Gives the function that looks at one dispatch. It returns undefined if the call comes from undici's API directly or by
 * its redirect and retry.
 */
export function layersAboveOf({ policy }: Instance): (handler: unknown) => LayersAbove | undefined {
  return (handler) =>
    isBehindLayers(handler)
      ? {
          isShared: pending().keys.size > 0 && !isFromEntry(),
          guard(headers, first, outboundRequest) {
            if (!variesByBaggage(headers)) return;
            const isAllowed = destinationOf(first())?.allowedBy(policy.destinations) === true;
            if (isAllowed || outboundRequest?.hasWrittenUnmarked === true) forbidReuse(headers);
          },
        }
      : undefined;
}

const MAX_FRAMES = 64;

/** Whether the stack leads to undici's API without `deduplicate`. */
function isFromEntry(): boolean {
  for (const { scriptName, functionName } of callSites(MAX_FRAMES)) {
    const file = packageOf(scriptName)?.file;
    if (file === SHARING) return false;
    if (file !== undefined && isEntry(file, functionName)) return true;
  }
  return false;
}
