import type { OwnMemberReader } from "../baggage/own.ts";
import type { Destinations } from "./destinations.ts";

/** What one instance lets out. The process-wide stop applies the policies of all instances to each request. */
export interface EgressPolicy {
  /** What it takes for own leaves only if a scope of this instance writes it. */
  readonly reader: OwnMemberReader;
  readonly destinations: Destinations;
  /** Whether it is a warning, and not just information, that own members were taken off a request. */
  readonly strict: boolean;
  /** Whether the others' members go to every destination, or only where own ones may go. */
  readonly foreignBaggage: "everywhere" | "allowed-only";
}

/** An instance's hold on the process-wide stop. The last one to let go takes the subscriptions back. */
export interface StopHold {
  /** Keeps the policy in force until the result is called, also if the instance is closed meanwhile. */
  readonly retain: () => () => void;
  /** Idempotent. */
  readonly release: () => void;
}
