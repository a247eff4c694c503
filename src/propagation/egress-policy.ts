import type { Destinations } from "./destinations.ts";

/** What one instance lets out. The process-wide stop applies the policies of all instances to each request. */
export interface EgressPolicy {
  /** Members under it are own: they leave only if a scope of this instance writes them. */
  readonly prefix: string;
  readonly destinations: Destinations;
  /** Whether the others' members go to every destination, or only where own ones may go. */
  readonly foreignBaggage: "everywhere" | "allowed-only";
}
