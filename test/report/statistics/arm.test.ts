import * as fc from "fast-check";
import { expect, test } from "vitest";
import { type Arm, meanArm, proportionArm, ratioArm } from "../../../report/statistics/arm.ts";
import { difference, lift } from "../../../report/statistics/effect.ts";

/** Mean and variance of whole numbers, by arithmetic without rounding until the last step. */
function exactArm(values: readonly number[]): Arm {
  const numbers = values.map(BigInt);
  const n = BigInt(values.length);
  const sum = numbers.reduce((whole, one) => whole + one, 0n);
  const squares = numbers.reduce((whole, one) => whole + one * one, 0n);
  const scale = 10n ** 30n;
  return {
    subjects: values.length,
    value: Number(sum) / values.length,
    variance: Number(((n * squares - sum * sum) * scale) / (n * (n - 1n))) / 1e30,
  };
}

function sumsOf(values: readonly number[]): { readonly sum: number; readonly sumSquares: number } {
  return { sum: values.reduce((a, b) => a + b, 0), sumSquares: values.reduce((a, b) => a + b * b, 0) };
}

const latencies = fc.array(fc.integer({ min: 0, max: 1_000_000 }), { minLength: 2, maxLength: 50 });

test("STA-02 a mean and its variance are those of exact arithmetic", () => {
  fc.assert(
    fc.property(latencies, (values) => {
      const [actual, exact] = [meanArm(values.length, sumsOf(values)), exactArm(values)];
      expect(actual.value).toBeCloseTo(exact.value, 9);
      expect(Math.abs(actual.variance - exact.variance)).toBeLessThanOrEqual(1e-12 * exact.variance);
    }),
  );
});

test("STA-03 the variance of values far from 0 does not lose its digits", () => {
  const values = Array.from({ length: 1000 }, (_, i) => 300_000 + (i % 2));
  expect(meanArm(1000, sumsOf(values)).variance).toBeCloseTo(exactArm(values).variance, 12);
});

test("STA-04 of one subject, of equal values and of sums that are none, no comparison has an interval", () => {
  const good = meanArm(100, { sum: 500, sumSquares: 4000 });
  const unknown = { lower: null, upper: null, p: null };
  const bad: readonly Arm[] = [
    meanArm(1, { sum: 5, sumSquares: 25 }),
    meanArm(3, { sum: 0.3, sumSquares: 3 * 0.1 * 0.1 }),
    meanArm(0, { sum: 0, sumSquares: 0 }),
    meanArm(2.5, { sum: 5, sumSquares: 25 }),
    meanArm(10, { sum: 100, sumSquares: 1 }),
    meanArm(10, { sum: Number.NaN, sumSquares: 1 }),
    meanArm(10, { sum: 1e200, sumSquares: Number.POSITIVE_INFINITY }),
    proportionArm({ successes: 3, trials: 2 }),
    proportionArm({ successes: 0, trials: 0 }),
    ratioArm(1, { numerator: sumsOf([1]), denominator: sumsOf([2]), sumProducts: 2 }),
    ratioArm(2, { numerator: sumsOf([0, 0]), denominator: sumsOf([2, 3]), sumProducts: 0 }),
    ratioArm(2, { numerator: sumsOf([0, 0]), denominator: sumsOf([0, 0]), sumProducts: 0 }),
  ];
  for (const arm of bad) {
    for (const effect of [difference(good, arm), difference(arm, good), lift(good, arm), lift(arm, good)]) {
      expect(effect).toMatchObject({ standardError: null, fixed: unknown, sequence: unknown });
      expect(Object.values(effect).filter((one) => Number.isNaN(one))).toEqual([]);
    }
  }
});

test("STA-05 a rate of none or all keeps a variance, so that its difference has an interval that is not a point", () => {
  const none = proportionArm({ successes: 0, trials: 10_000 });
  const some = proportionArm({ successes: 100, trials: 10_000 });
  const { estimate, fixed } = difference(none, some);
  expect(estimate).toBeCloseTo(0.01, 12);
  expect(fixed.lower).toBeGreaterThan(0.005);
  expect(fixed.lower).toBeLessThan(0.0085);
  expect(difference(proportionArm({ successes: 0, trials: 2 }), some).fixed.lower).toBeLessThan(0);
  expect(lift(none, some)).toMatchObject({ estimate: null, fixed: { lower: null } });
  expect(lift(some, none).estimate).toBe(-1);
});

test("STA-06 a ratio whose denominator is 1 for each subject is a mean", () => {
  fc.assert(
    fc.property(latencies, (values) => {
      const ones = { sum: values.length, sumSquares: values.length };
      const sums = sumsOf(values);
      const ratio = ratioArm(values.length, { numerator: sums, denominator: ones, sumProducts: sums.sum });
      const mean = meanArm(values.length, sums);
      expect(ratio.value).toBe(mean.value);
      expect(Math.abs(ratio.variance - mean.variance)).toBeLessThanOrEqual(1e-9 * sums.sumSquares);
    }),
  );
});

test("STA-07 requests that a subject repeats do not make a ratio more certain", () => {
  const errors = [0, 1, 0, 0, 2, 1, 0, 3];
  const requests = [4, 5, 2, 3, 6, 2, 1, 9];
  const times = (factor: number): Arm => {
    const [y, d] = [errors.map((one) => one * factor), requests.map((one) => one * factor)];
    const sumProducts = y.reduce((sum, one, i) => sum + one * (d[i] ?? 0), 0);
    return ratioArm(8, { numerator: sumsOf(y), denominator: sumsOf(d), sumProducts });
  };
  expect(times(10).value).toBe(times(1).value);
  expect(times(10).variance).toBeCloseTo(times(1).variance, 12);
  // By the definition: the variance of y - R d, divided by the square of the mean of d.
  const ratio = times(1).value;
  const residuals = errors.map((one, i) => one - ratio * (requests[i] ?? 0));
  expect(times(1).variance).toBeCloseTo(sumsOf(residuals).sumSquares / 7 / 4 ** 2, 12);
});
