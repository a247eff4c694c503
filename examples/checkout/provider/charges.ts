// The provider's ledger.
import { randomUUID } from "node:crypto";
import { z } from "zod";

const chargeRequest = z.object({
  amountCents: z.int().positive(),
  currency: z.literal("EUR"),
  source: z.union([z.object({ customer: z.string() }), z.object({ card: z.object({ number: z.string() }) })]),
});

type Answer =
  | { readonly status: "approved"; readonly id: string }
  | { readonly status: "declined"; readonly code: string; readonly retryable: boolean };

/** Test numbers, as providers have them. All others are approved. */
const HARD_DECLINE = "4000000000000002";
const SOFT_DECLINE = "4000000000009995";

const approved = new Map<string, Answer>();
const softlyDeclined = new Set<string>();
const cancelled = new Set<string>();

export const charges = {
  /** Charges once for each key. */
  charge(key: string, body: unknown): Answer {
    const { source } = chargeRequest.parse(body);
    if (cancelled.has(key)) return { status: "declined", code: "cancelled", retryable: false };
    const earlier = approved.get(key);
    if (earlier !== undefined) return earlier;

    const number = "card" in source ? source.card.number.replaceAll(" ", "") : undefined;
    if (number === HARD_DECLINE) return { status: "declined", code: "card_declined", retryable: false };
    if (number === SOFT_DECLINE && !softlyDeclined.has(key)) {
      softlyDeclined.add(key);
      return { status: "declined", code: "insufficient_funds", retryable: true };
    }
    const answer: Answer = { status: "approved", id: `ch_${randomUUID()}` };
    approved.set(key, answer);
    return answer;
  },

  /** Gives back what was charged for the key. A charge that comes later is declined. */
  cancel(key: string): { readonly status: "cancelled" } {
    approved.delete(key);
    cancelled.add(key);
    return { status: "cancelled" };
  },
};
