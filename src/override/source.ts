import type { HeaderGetter } from "../http/shapes.ts";
import type { OverrideRefusal } from "./token.ts";

/** The parts of a request that may hold a token. */
export interface OverrideArrival {
  readonly header: HeaderGetter;
  /** Path and query, as in the request line. */
  readonly url: string | undefined;
}

/** The result of `acceptOverrides`, for the option `overrides` of `createExperiments`. */
export interface OverrideSource {
  /** The variants by experiment key, or why the token does not count; undefined without a token. Never throws. */
  read(arrival: OverrideArrival): ReadonlyMap<string, string> | OverrideRefusal | undefined;
}
