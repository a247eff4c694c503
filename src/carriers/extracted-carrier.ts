import { type Context, type Span, trace } from "@opentelemetry/api";
import { getRPCMetadata } from "@opentelemetry/core";
import type { HeaderGetter } from "../http/shapes.ts";
import { processWide } from "../process-wide.ts";
import { scopeStorage } from "../scope/current.ts";
import type { Extraction } from "../scope/extraction.ts";
import type { RequestScope } from "../scope/request-scope.ts";
import { ForeignMembers } from "./context-baggage.ts";

/** Opens one instance's scope by the `baggage` of a carrier, which `trustInbound` judges by the other headers. */
export type CarrierOpener = (baggage: string, header: HeaderGetter, outer: RequestScope | undefined) => RequestScope;

/** The opener of each instance that is not closed. */
export const carrierOpeners: () => Set<CarrierOpener> = processWide("carrier-openers.v1", () => new Set());

/** A carrier that our propagator has read, kept in the context until somebody asks whose request that is. */
export class ExtractedCarrier implements Extraction {
  readonly during: RequestScope | undefined = scopeStorage().getStore();
  readonly served: Span | undefined;
  readonly foreign: ForeignMembers;
  readonly #own: string;
  readonly #header: HeaderGetter | undefined;
  readonly #asked = new Set<CarrierOpener>();
  #scope: RequestScope | undefined;

  /** @param header undefined for an HTTP request, which has its scope from an adapter */
  constructor(active: Context, foreign: string, own: readonly string[], header: HeaderGetter | undefined) {
    this.served = getRPCMetadata(active)?.span;
    this.foreign = new ForeignMembers(foreign);
    this.#own = own.join(",");
    // Within a request, a carrier that says nothing of experiments may only continue a trace.
    const mayContinue = this.served !== undefined || isWithin(this.during, active);
    this.#header = mayContinue && own.length === 0 ? undefined : header;
  }

  /** Opens a scope of each instance, also of one that is made later. */
  scope(): RequestScope | undefined {
    const header = this.#header;
    if (header === undefined) return undefined;
    for (const open of carrierOpeners()) {
      if (this.#asked.has(open)) continue;
      this.#asked.add(open); // First, since a trust predicate may ask for the scope too.
      this.#scope = open(this.#own, header, this.#scope);
    }
    return this.#scope;
  }
}

/**
 * Whether a carrier is read on behalf of the request whose async context it is read in. A connection that was opened
 * while a request was served keeps that one's async context for all that comes over it later; who reads those messages
 * begins at the root context, in which the request's spans do not show.
 */
function isWithin(during: RequestScope | undefined, active: Context): boolean {
  if (during === undefined) return false;
  return trace.getSpan(active) !== undefined || (during.serverSpan === undefined && !during.ended);
}
