import * as fc from "fast-check";
import { expect, test } from "vitest";
import { homogeneity, sampleRatio } from "../../../report/statistics/chi-square.ts";
import { holm } from "../../../report/statistics/holm.ts";
import {
  newcombe,
  type Proportion,
  ratioOfProportions,
  twoProportions,
  wilson,
} from "../../../report/statistics/proportions.ts";

const proportions: fc.Arbitrary<Proportion> = fc
  .integer({ min: 1, max: 1_000_000 })
  .chain((trials) => fc.integer({ min: 0, max: trials }).map((successes) => ({ successes, trials })));

const anyNumber = fc.oneof(fc.double(), fc.constantFrom(Number.NaN, 0, 1, -1, 0.5, 2 ** 53, 1e300), fc.integer());

const UNKNOWN = { lower: null, upper: null };

test.each([
  [1, 1, 0.2065493143772374, 1],
  [0, 1, 0, 0.7934506856227627],
  [3, 7, 0.1582198552514697, 0.7495416354723428],
  [1, 1e9, 1.7652455495696314e-10, 5.664934243297439e-9],
  [5e14, 1e15, 0.4999999690102484, 0.5000000309897517],
  [1e15 - 1, 1e15, 0.9999999999999943, 0.9999999999999998],
])("STA-14 Wilson's interval of %d of %d is that of 50 digits", (successes, trials, lower, upper) => {
  const actual = wilson({ successes, trials });
  expect(Math.abs((actual.lower ?? Number.NaN) - lower)).toBeLessThanOrEqual(1e-13 * lower);
  expect(Math.abs((actual.upper ?? Number.NaN) - upper)).toBeLessThanOrEqual(1e-13 * upper);
});

test("STA-15 Wilson's interval holds the rate, mirrors it, and shrinks with more trials", () => {
  fc.assert(
    fc.property(proportions, ({ successes, trials }) => {
      const { lower, upper } = wilson({ successes, trials });
      const mirrored = wilson({ successes: trials - successes, trials });
      const more = wilson({ successes: 4 * successes, trials: 4 * trials });
      const [low, high] = [lower ?? Number.NaN, upper ?? Number.NaN];
      expect(low).toBeGreaterThanOrEqual(0);
      expect(low).toBeLessThanOrEqual(successes / trials);
      expect(high).toBeGreaterThanOrEqual(successes / trials);
      expect(high).toBeLessThanOrEqual(1);
      expect(mirrored.lower).toBeCloseTo(1 - high, 12);
      expect(mirrored.upper).toBeCloseTo(1 - low, 12);
      expect((more.upper ?? Number.NaN) - (more.lower ?? Number.NaN)).toBeLessThan(high - low);
    }),
  );
});

test("STA-16 a difference changes its sign with the order of the variants, a ratio becomes its inverse", () => {
  fc.assert(
    fc.property(proportions, proportions, (a, b) => {
      const [one, other] = [newcombe(a, b), newcombe(b, a)];
      expect(one.lower).toBeCloseTo(-(other.upper ?? Number.NaN), 12);
      const [forth, back] = [twoProportions(a, b), twoProportions(b, a)];
      expect(forth.chiSquare ?? -1).toBeCloseTo(back.chiSquare ?? -1, 6);
      expect(forth.p).toBe(back.p);
      const [ratio, inverse] = [ratioOfProportions(a, b), ratioOfProportions(b, a)];
      expect(ratio.lower === null).toBe(inverse.lower === null);
      expect((ratio.lower ?? 1) * (inverse.upper ?? 1)).toBeCloseTo(1, 9);
    }),
  );
});

test("STA-17 Wilson's and Newcombe's intervals cover the truth as often as they say, by exact sums", () => {
  const binomial = (n: number, rate: number): readonly number[] => {
    const chances = [(1 - rate) ** n];
    for (let k = 1; k <= n; k += 1) chances.push(((chances[k - 1] ?? 0) * (n - k + 1) * rate) / k / (1 - rate));
    return chances;
  };
  const holds = ({ lower, upper }: ReturnType<typeof wilson>, truth: number): boolean =>
    lower !== null && upper !== null && lower <= truth && truth <= upper;
  const [first, second] = [binomial(100, 0.3), binomial(80, 0.2)];
  let [single, both] = [0, 0];
  for (const [x, chance] of first.entries()) {
    const a = { successes: x, trials: 100 };
    if (holds(wilson(a), 0.3)) single += chance;
    for (const [y, other] of second.entries()) {
      if (holds(newcombe(a, { successes: y, trials: 80 }), 0.1)) both += chance * other;
    }
  }
  expect(single).toBeGreaterThan(0.93);
  expect(single).toBeLessThan(0.96);
  expect(both).toBeGreaterThan(0.94);
  expect(both).toBeLessThan(0.965);
});

test("STA-18 none of none, more than all, and parts of subjects have no figures", () => {
  const good = { successes: 3, trials: 7 };
  const bad = [
    [0, 0],
    [3, 2],
    [-1, 5],
    [0.5, 5],
    [Number.NaN, 5],
    [1, Number.POSITIVE_INFINITY],
  ].map(([successes = 0, trials = 0]) => ({ successes, trials }));
  for (const one of bad) {
    expect(wilson(one)).toEqual(UNKNOWN);
    expect(newcombe(good, one)).toEqual(UNKNOWN);
    expect(ratioOfProportions(one, good)).toEqual({ ratio: null, ...UNKNOWN });
    expect(twoProportions(one, good)).toEqual({ difference: null, chiSquare: null, p: null, ...UNKNOWN });
    expect(homogeneity([good, one])).toEqual({ chiSquare: null, degreesOfFreedom: null, p: null });
  }
  expect(wilson(good, 1)).toEqual(UNKNOWN);
  expect(homogeneity([good])).toEqual({ chiSquare: null, degreesOfFreedom: null, p: null });
});

test("STA-19 rates of none or all: what is not determined is null, the rest is there", () => {
  const [none, all] = [
    { successes: 0, trials: 10 },
    { successes: 10, trials: 10 },
  ];
  expect(twoProportions(none, none)).toEqual({ difference: 0, chiSquare: null, p: null, ...UNKNOWN });
  expect(twoProportions(all, none)).toMatchObject({ difference: 1, ...UNKNOWN });
  expect(twoProportions(all, none).chiSquare).toBeCloseTo(20, 12);
  expect(ratioOfProportions(none, all)).toEqual({ ratio: 0, ...UNKNOWN });
  expect(ratioOfProportions(all, none)).toEqual({ ratio: null, ...UNKNOWN });
  expect(ratioOfProportions(all, all)).toEqual({ ratio: 1, ...UNKNOWN });
  expect(homogeneity([none, none]).p).toBeNull();
});

test("STA-26 homogeneity of two is the test of two proportions", () => {
  fc.assert(
    fc.property(proportions, proportions, (a, b) => {
      const [one, other] = [homogeneity([a, b]), twoProportions(a, b)];
      expect(one.p ?? -1).toBeCloseTo(other.p ?? -1, 8);
    }),
  );
});

test("STA-27 a sample ratio: 52:48 of 20,000 is a mismatch, 50.5:49.5 is none, and a variant of weight 0 has nobody", () => {
  expect(sampleRatio([10_400, 9600], [1, 1])).toMatchObject({ mismatch: true });
  expect(sampleRatio([10_100, 9900], [50, 50])).toMatchObject({ chiSquare: 2, mismatch: false });
  expect(sampleRatio([10_100, 9900, 0], [1, 1, 0])).toMatchObject({ chiSquare: 2, degreesOfFreedom: 1 });
  expect(sampleRatio([10_100, 9900, 1], [1, 1, 0])).toMatchObject({ chiSquare: null, p: 0, mismatch: true });
  expect(sampleRatio([1e15, 1.1e15], [1, 1])).toMatchObject({ p: 0, mismatch: true });
});

test("STA-28 a sample ratio is not judged where it is expected to have fewer than five of a variant", () => {
  expect(sampleRatio([8, 2], [99, 1])).toMatchObject({ mismatch: null });
  expect(sampleRatio([0, 0], [1, 1])).toEqual({ chiSquare: 0, degreesOfFreedom: 1, p: 1, mismatch: null });
  const unknown = { chiSquare: null, degreesOfFreedom: null, p: null, mismatch: null };
  expect(sampleRatio([10], [1])).toEqual(unknown);
  expect(sampleRatio([10, Number.NaN], [1, 1])).toEqual(unknown);
  expect(sampleRatio([10, 10], [1, -1])).toEqual(unknown);
  expect(sampleRatio([10, 10], [1])).toEqual(unknown);
  expect(sampleRatio([], [])).toEqual(unknown);
});

test("STA-29 no input whatever gives a figure that is NaN or infinite", () => {
  const areFigures = (value: object): void => {
    const wrong = Object.values(value).filter((one) => typeof one === "number" && !Number.isFinite(one));
    expect(wrong).toEqual([]);
  };
  fc.assert(
    fc.property(fc.array(anyNumber, { minLength: 5, maxLength: 5 }), ([s = 0, t = 0, u = 0, v = 0, level = 0]) => {
      const [a, b] = [
        { successes: s, trials: t },
        { successes: u, trials: v },
      ];
      for (const one of [wilson(a, level), newcombe(a, b, level), ratioOfProportions(a, b, level)]) areFigures(one);
      for (const one of [twoProportions(a, b, level), homogeneity([a, b]), sampleRatio([s, t], [u, v])])
        areFigures(one);
    }),
    { numRuns: 2000 },
  );
});

test("STA-30 Holm's values keep the order of the p-values, are at least as great, and count what is not known", () => {
  expect(holm([])).toEqual([]);
  expect(holm([0.01, null, 0.03])).toEqual([0.03, null, 0.06]);
  expect(holm([0.5, Number.NaN, 2, 0.9])).toEqual([1, null, null, 1]);
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 8 }), (values) => {
      const adjusted = holm(values);
      for (const [i, p] of values.entries()) {
        expect(adjusted[i]).toBeGreaterThanOrEqual(p);
        const greater = adjusted.filter((_, j) => p <= (values[j] ?? -1));
        expect(Math.min(...greater.map(Number))).toBe(adjusted[i]);
      }
    }),
  );
});
