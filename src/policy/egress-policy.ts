import type { OwnMemberReader } from "../baggage/own.ts";
import type { Destinations } from "./destinations.ts";

/** One instance's policy for outgoing baggage. The process-wide stop applies all policies to each request. */
export interface EgressPolicy {
  /** Finds own members. They leave only if a scope of this instance writes them. */
  readonly reader: OwnMemberReader;
  readonly destinations: Destinations;
  /** If the stop removes own members from a request: true logs a warning, false an information. */
  readonly strict: boolean;
  /** Whether foreign members go to every destination, or only to those that own members may go to. */
  readonly foreignBaggage: "everywhere" | "allowed-only";
}

/** An instance's registration with the process-wide stop. With its last holder, the policy is no longer in force. */
export interface StopHold {
  /** Adds a holder: the policy stays in force until that one has called `letGo`. */
  hold(): void;
  /** To be called once by each holder. */
  letGo(): void;
}
