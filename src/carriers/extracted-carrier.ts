import { type Context, type Span, trace } from "@opentelemetry/api";
import { getRPCMetadata } from "@opentelemetry/core";
import type { HeaderGetter } from "../http/shapes.ts";
import { processWide } from "../process-wide.ts";
import { scopeStorage } from "../scope/current.ts";
import type { Extraction } from "../scope/extraction.ts";
import { placedIn } from "../scope/finding.ts";
import type { RequestScope } from "../scope/request-scope.ts";
import { ForeignMembers } from "./context-baggage.ts";

/** Opens one instance's scope from the `baggage` of a carrier. `trustInbound` gets the other headers. */
export type CarrierOpener = (baggage: string, header: HeaderGetter, outer: RequestScope | undefined) => RequestScope;

/** The openers of the instances that are not closed. */
export const carrierOpeners: () => Set<CarrierOpener> = processWide("carrier-openers.v1", () => new Set());

/** A carrier that the package's propagator has read, kept in the context until its scope is asked for. */
export class ExtractedCarrier implements Extraction {
  readonly during: RequestScope | undefined = scopeStorage().getStore();
  readonly placed: RequestScope | null | undefined;
  readonly served: Span | undefined;
  readonly foreign: ForeignMembers;
  readonly #own: string;
  readonly #header: HeaderGetter | undefined;
  readonly #asked = new Set<CarrierOpener>();
  #scope: RequestScope | undefined;

  /** @param header undefined for an HTTP request, whose scope an adapter opens */
  constructor(active: Context, foreign: string, own: readonly string[], header: HeaderGetter | undefined) {
    this.placed = placedIn(active);
    this.served = getRPCMetadata(active)?.span;
    this.foreign = new ForeignMembers(foreign);
    this.#own = own.join(",");
    // Within a request, a carrier without own members may only continue the request's trace.
    const mayContinue =
      this.served !== undefined || (this.placed ?? undefined) !== undefined || isWithin(this.during, active);
    this.#header = mayContinue && own.length === 0 ? undefined : header;
  }

  /** Opens a scope for each instance, also for one that was made after the first call. */
  scope(): RequestScope | undefined {
    const header = this.#header;
    if (header === undefined) return undefined;
    for (const open of carrierOpeners()) {
      if (this.#asked.has(open)) continue;
      this.#asked.add(open); // Before the call, since a trust predicate may ask for the scope too.
      this.#scope = open(this.#own, header, this.#scope);
    }
    return this.#scope;
  }
}

/**
 * Whether a carrier is read on behalf of the request in whose async context it is read. A connection that was opened
 * during a request keeps that request's async context for all later messages. Code that reads such messages starts from
 * the root context, which has no span of the request.
 */
function isWithin(during: RequestScope | undefined, active: Context): boolean {
  if (during === undefined) return false;
  return trace.getSpan(active) !== undefined || (during.serverSpan === undefined && !during.ended);
}
