import * as fc from "fast-check";
import { expect, test } from "vitest";
import { meanArm, proportionArm, ratioArm } from "../../../report/statistics/arm.ts";
import {
  confidenceSequence,
  criticalValue,
  effectiveSubjects,
} from "../../../report/statistics/confidence-sequence.ts";
import { difference, type Effect, lift } from "../../../report/statistics/effect.ts";

const OPTIONS = { level: 0.95, tuning: 5000 };

const arms = fc
  .integer({ min: 2, max: 1_000_000 })
  .chain((trials) => fc.integer({ min: 1, max: trials - 1 }).map((successes) => proportionArm({ successes, trials })));

test("STA-39 a sequence is wider than the interval for one look, and is narrowest in standard errors near its tuning", () => {
  const widths = [10, 100, 1000, 5000, 25_000, 1_000_000].map((n) => criticalValue(n, OPTIONS));
  expect(Math.min(...widths)).toBe(criticalValue(5000, OPTIONS));
  expect(Math.min(...widths)).toBeGreaterThan(1.96);
  fc.assert(
    fc.property(arms, arms, (a, b) => {
      const { fixed, sequence } = difference(a, b);
      fc.pre(sequence.lower !== null);
      expect(sequence.lower).toBeLessThan(fixed.lower ?? Number.NaN);
      // Further out, Student's tails are the heavier ones.
      expect(Math.max(1e-6, sequence.p ?? Number.NaN)).toBeGreaterThanOrEqual(fixed.p ?? Number.NaN);
    }),
  );
});

test("STA-40 the always-valid p is 1 - level just where the sequence touches 0", () => {
  for (const subjects of [100, 5000, 1e9]) {
    for (const level of [0.8, 0.95, 0.999]) {
      const estimate = criticalValue(subjects, { level, tuning: 5000 });
      const { lower, p } = confidenceSequence(
        { estimate, standardError: 1, subjects, effectiveSubjects: subjects },
        { level, tuning: 5000 },
      );
      expect(lower).toBeCloseTo(0, 12);
      expect(p).toBeCloseTo(1 - level, 12);
    }
  }
});

test("STA-41 a sequence without a standard error, subjects or sensible options is unknown", () => {
  const unknown = { lower: null, upper: null, p: null };
  const good = { estimate: 1, standardError: 1, subjects: 100, effectiveSubjects: 100 };
  expect(confidenceSequence({ ...good, standardError: null }, OPTIONS)).toEqual(unknown);
  expect(confidenceSequence({ ...good, standardError: 0 }, OPTIONS)).toEqual(unknown);
  expect(confidenceSequence({ ...good, estimate: null }, OPTIONS)).toEqual(unknown);
  expect(confidenceSequence({ ...good, effectiveSubjects: 99 }, OPTIONS)).toEqual(unknown);
  for (const level of [0, 1, Number.NaN]) expect(confidenceSequence(good, { ...OPTIONS, level })).toEqual(unknown);
  expect(confidenceSequence(good, { ...OPTIONS, tuning: 0 })).toEqual(unknown);
});

test("STA-42 variants that change places change the sign of the difference and nothing else", () => {
  fc.assert(
    fc.property(arms, arms, (a, b) => {
      const [forth, back] = [difference(a, b), difference(b, a)];
      expect(forth.fixed.lower).toBeCloseTo(-(back.fixed.upper ?? Number.NaN), 12);
      expect(forth.sequence.upper ?? 0).toBeCloseTo(-(back.sequence.lower ?? 0), 12);
      expect(forth.fixed.p).toBeCloseTo(back.fixed.p ?? Number.NaN, 9);
    }),
  );
});

test("STA-43 a lift does not depend on the unit of the values", () => {
  const inUnit = (factor: number): Effect =>
    lift(
      meanArm(50, { sum: 100 * factor, sumSquares: 400 * factor ** 2 }),
      meanArm(60, { sum: 150 * factor, sumSquares: 700 * factor ** 2 }),
    );
  const plain = inUnit(1);
  for (const factor of [1e-100, 1000, 1e100]) {
    expect(inUnit(factor).estimate).toBeCloseTo(plain.estimate ?? Number.NaN, 12);
    expect(inUnit(factor).fixed.lower).toBeCloseTo(plain.fixed.lower ?? Number.NaN, 12);
    expect(inUnit(factor).sequence.upper).toBeCloseTo(plain.sequence.upper ?? Number.NaN, 12);
  }
});

test("STA-44 p-values far in the tail are small and not 0, and a huge number of subjects has figures", () => {
  const [a, b] = [
    proportionArm({ successes: 10_000, trials: 100_000 }),
    proportionArm({ successes: 14_000, trials: 100_000 }),
  ];
  expect(difference(a, b).fixed.p).toBeGreaterThan(0);
  expect(difference(a, b).fixed.p).toBeLessThan(1e-150);
  const huge = difference(
    proportionArm({ successes: 1e15, trials: 1e16 }),
    proportionArm({ successes: 1e15 + 1e9, trials: 1e16 }),
  );
  expect(huge.fixed.lower).toBeGreaterThan(9e-8);
  expect(huge.sequence.upper).toBeLessThan(1.3e-7);
});

test("STA-45 no sums whatever give a figure that is NaN or infinite", () => {
  const anyNumber = fc.oneof(fc.double(), fc.integer(), fc.integer({ min: 0, max: 5 }), fc.constant(Number.NaN));
  const sums = fc.record({ sum: anyNumber, sumSquares: anyNumber });
  const anyArm = fc.oneof(
    fc.tuple(anyNumber, sums).map(([n, one]) => meanArm(n, one)),
    fc
      .tuple(anyNumber, sums, sums, anyNumber)
      .map(([n, numerator, denominator, sumProducts]) => ratioArm(n, { numerator, denominator, sumProducts })),
    fc.tuple(anyNumber, anyNumber).map(([successes, trials]) => proportionArm({ successes, trials })),
  );
  fc.assert(
    fc.property(anyArm, anyArm, anyNumber, (a, b, level) => {
      for (const { fixed, sequence, ...others } of [difference(a, b, { level }), lift(a, b), difference(a, b)]) {
        const figures = [...Object.values(others), ...Object.values(fixed), ...Object.values(sequence)];
        expect(figures.filter((one) => typeof one === "number" && !Number.isFinite(one))).toEqual([]);
      }
    }),
    { numRuns: 3000 },
  );
});

test("STA-51 a small arm counts three times at most, so that a large control does not hasten the sequence", () => {
  expect([effectiveSubjects(1000, 1000), effectiveSubjects(1000, 500)]).toEqual([2000, 1500]);
  expect([effectiveSubjects(1e6, 100), effectiveSubjects(100, 1e6)]).toEqual([300, 300]);
  const large = proportionArm({ successes: 5000, trials: 100_000 });
  const widthOf = (trials: number): number => {
    const { sequence, standardError } = difference(large, proportionArm({ successes: trials / 10, trials }));
    return ((sequence.upper ?? Number.NaN) - (sequence.lower ?? Number.NaN)) / 2 / (standardError ?? Number.NaN);
  };
  expect(widthOf(100)).toBeCloseTo(criticalValue(300, OPTIONS), 9);
  expect(difference(large, proportionArm({ successes: 3, trials: 30 })).sequence.lower).toBeNull();
});
