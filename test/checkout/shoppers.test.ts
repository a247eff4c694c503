import { describe, expect, test } from "vitest";
import { forgery } from "../../examples/checkout/system/forgery.ts";
import { type Decision, makeShopper } from "../../examples/checkout/system/shoppers.ts";
import { CARDS, type Checkout, EVERYWHERE, TRUTH } from "../../examples/checkout/system/truth.ts";

const COUNT = 20_000;
const many = Array.from({ length: COUNT }, (_, index) => makeShopper(1, index + 1));
const variants = ["control", "single_page", "express"] as const satisfies readonly Checkout[];

function decisionsIn(variant: Checkout): readonly Decision[] {
  return many.flatMap((shopper) => shopper.decide(variant) ?? []);
}

function share<T>(items: readonly T[], has: (item: T) => boolean): number {
  return items.filter(has).length / items.length;
}

/** How far the shares are from the truth, at most. The seed is fixed, so this depends on no chance. */
function distance(...pairs: readonly (readonly [actual: number, truth: number])[]): number {
  return Math.max(...pairs.map(([actual, truth]) => Math.abs(actual - truth)));
}

/** The shares of so many shoppers are that near. */
const NEAR = 0.015;

function paysWith(number: string): (decision: Decision) => boolean {
  return ({ payment }) => payment.method === "card" && payment.number === number;
}

describe("the shoppers of the checkout", () => {
  test("CHK-N13 are the same for the same seed, in any order, and others for another one", () => {
    const decisions = (seed: number, numbers: readonly number[]) =>
      new Map(numbers.map((number) => [number, JSON.stringify(makeShopper(seed, number).decide("control") ?? null)]));
    const forwards = decisions(1, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const backwards = decisions(1, [9, 8, 7, 6, 5, 4, 3, 2, 1]);
    expect(backwards).toEqual(forwards);
    expect(decisions(2, [1, 2, 3, 4, 5, 6, 7, 8, 9])).not.toEqual(forwards);
  });

  test.each(variants)("CHK-N14 behave by the truth about %s", (variant) => {
    const truth = TRUTH[variant];
    const decisions = decisionsIn(variant);
    const cards = decisions.filter(({ payment }) => payment.method === "card");
    const machines = share(decisions, ({ items }) => items.some(({ productId }) => productId === "machine"));
    const pairs = [
      [decisions.length / COUNT, truth.completes],
      [share(decisions, ({ payment }) => payment.method === "stored"), truth.paysStored],
      [share(cards, paysWith(CARDS.declined)), truth.cardDeclined],
      [share(cards, paysWith(CARDS.short)), truth.cardShort],
      [machines, truth.machines],
    ] as const;
    expect(distance(...pairs)).toBeLessThan(NEAR);
  });

  test("CHK-N15 return, forge and are suspected by the shares that hold everywhere", () => {
    const pairs = [
      [share(many, ({ returns }) => returns), EVERYWHERE.returns],
      [share(many, ({ forges }) => forges), EVERYWHERE.forges],
      [share(many, ({ email }) => email.endsWith("@fraud.example")), EVERYWHERE.suspicious],
      [share(many, ({ country }) => country !== "DE"), EVERYWHERE.abroad],
    ] as const;
    expect(distance(...pairs)).toBeLessThan(NEAR);
  });

  test("CHK-N16 say for which reason a checkout has to fail", () => {
    const decisions = decisionsIn("control");
    const declined = decisions.filter(paysWith(CARDS.declined));
    expect(decisions.filter(({ mayFail }) => mayFail.includes("card_declined"))).toEqual(declined);
    const suspected = decisions.filter(({ mayFail }) => mayFail.includes("fraud_suspected"));
    expect(decisions.filter(({ mustFail }) => mustFail)).toHaveLength(new Set([...declined, ...suspected]).size);
  });

  test("CHK-N17 count the members that they forge by the reason of their rejection", () => {
    const { next, sent } = forgery();
    const lines = Array.from({ length: 5 }, next);
    expect(new Set(lines).size).toBe(4);
    expect(sent).toEqual({ untrusted: 6, encoded_key: 1 });
  });
});
