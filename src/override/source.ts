import type { HeaderGetter } from "../http/shapes.ts";
import type { OverrideRefusal } from "./token.ts";

/** Where a request may carry a token. */
export interface OverrideArrival {
  readonly header: HeaderGetter;
  /** Path and query, as they stand in the request line. */
  readonly url: string | undefined;
}

/** What `acceptOverrides` makes, and `createExperiments` takes as `overrides`. */
export interface OverrideSource {
  /** The variant by experiment key, or why the token does not count; undefined where there is no token. Never throws. */
  read(arrival: OverrideArrival): ReadonlyMap<string, string> | OverrideRefusal | undefined;
}
