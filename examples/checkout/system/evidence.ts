import type { Books } from "./books.ts";
import type { Mail } from "./mail.ts";
import type { Receipt } from "./shopping.ts";
import type { Span, Telemetry } from "./telemetry/telemetry.ts";

/** All that is known after the shoppers, from which the summary and the invariants are made. */
export interface Evidence {
  readonly receipts: readonly Receipt[];
  readonly telemetry: Telemetry;
  /** The exports that held a card's number. */
  readonly leaks: readonly string[];
  readonly provider: ProviderRecord;
  readonly books: Books;
  /** Undefined if the mail server is not ours. */
  readonly mails: readonly Mail[] | undefined;
  /** What went wrong when the processes ended. */
  readonly ends: readonly string[];
}

/** What the provider says of the requests that it got. */
export interface ProviderRecord {
  readonly requests: number;
  readonly experimentMembers: number;
}

/** Shown for a span without a variant. */
export const NO_VARIANT = "(none)";

export function variantOf({ attributes }: Pick<Span, "attributes">): string {
  return String(attributes.get("experiment.variant") ?? NO_VARIANT);
}
