import * as fc from "fast-check";
import { expect, test } from "vitest";
import { quantileEffects } from "../../../report/statistics/bootstrap.ts";
import type { Observations } from "../../../report/statistics/bootstrap-sample.ts";
import { poisson, poissonOne } from "../../../report/statistics/poisson.ts";
import { placeOf, quantileOf, quantileRanks } from "../../../report/statistics/quantile.ts";
import { Random } from "../../../report/statistics/random.ts";

/** Latencies of `subjects` subjects with so many requests each, in seconds. */
function latencies(random: Random, subjects: number, requests: number): Observations {
  const [values, owners]: [number[], number[]] = [[], []];
  for (let subject = 0; subject < subjects; subject += 1) {
    const pace = random.unit();
    for (let i = 0; i < requests; i += 1) {
      values.push(pace - Math.log(random.unit()));
      owners.push(subject);
    }
  }
  return { values, subjects: owners };
}

test("STA-31 a quantile lies between its two neighbours, as numpy's does", () => {
  const ten = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
  expect(quantileOf(ten, 0.5)).toBe(5.5);
  expect(quantileOf(ten, 0.95)).toBeCloseTo(9.55, 12);
  expect([quantileOf(ten, 0), quantileOf(ten, 1), quantileOf([7], 0.95)]).toEqual([1, 10, 7]);
  expect(quantileOf([], 0.5)).toBeNaN();
  expect(quantileOf(ten, Number.NaN)).toBeNaN();
  expect(placeOf(0.5, 4)).toEqual({ below: 1, part: 0.5 });
});

test("STA-32 ranks of a quantile are binomial, and null without values", () => {
  expect(quantileRanks(1000, 0.95)).toEqual({ lower: 936, upper: 963 });
  expect(quantileRanks(1, 0.5)).toEqual({ lower: 0, upper: 1 });
  for (const n of [0, -1, 0.5, Number.NaN, 1e12]) expect(quantileRanks(n, 0.5)).toEqual({ lower: null, upper: null });
});

test.each([1, 3, 9, 10, 12, 50, 1000, 250_000])(
  "STA-33 draws with the mean %d have the moments of Poisson's",
  (mean) => {
    const random = new Random(7);
    const n = 40_000;
    const draws = Array.from({ length: n }, () => (mean === 1 ? poissonOne(random) : poisson(random, mean)));
    const average = draws.reduce((a, b) => a + b, 0) / n;
    const variance = draws.reduce((a, b) => a + (b - average) ** 2, 0) / n;
    const skew = draws.reduce((a, b) => a + (b - average) ** 3, 0) / n / variance ** 1.5;
    expect(Math.abs(average - mean)).toBeLessThan(4 * Math.sqrt(mean / n));
    expect(Math.abs(variance / mean - 1)).toBeLessThan(4 * Math.sqrt((2 + 1 / mean) / n));
    expect(Math.abs(skew - 1 / Math.sqrt(mean))).toBeLessThan(0.1);
  },
);

test("STA-34 the window changes nothing: draws have the spread of a bootstrap that looks at every value", () => {
  const random = new Random(11);
  const [control, treatment] = [latencies(random, 300, 4), latencies(random, 300, 4)];
  const plain = (data: Observations): number => {
    const times = Array.from({ length: 300 }, () => poissonOne(random));
    const values = Array.from(data.values).flatMap((value, i) => {
      return Array.from({ length: times[data.subjects[i] ?? -1] ?? 0 }, () => value);
    });
    return quantileOf(
      values.sort((a, b) => a - b),
      0.9,
    );
  };
  const differences = Array.from({ length: 600 }, () => plain(treatment) - plain(control));
  const mean = differences.reduce((a, b) => a + b, 0) / 600;
  const error = Math.sqrt(differences.reduce((a, b) => a + (b - mean) ** 2, 0) / 599);
  const actual = quantileEffects(control, treatment, { quantile: 0.9, replicates: 600 });
  expect(Math.abs((actual.difference.standardError ?? 0) / error - 1)).toBeLessThan(0.15);
});

test("STA-35 the same data and seed give the same figures in whichever order they come, another seed others", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1000 }), (seed) => {
      const random = new Random(seed);
      const [control, treatment] = [latencies(random, 60, 3), latencies(random, 70, 2)];
      const keys = Array.from({ length: control.values.length }, (_, i) => ({ i, key: random.bits() }));
      const order = keys.sort((a, b) => a.key - b.key).map(({ i }) => i);
      const shuffled = {
        values: order.map((i) => control.values[i] ?? Number.NaN),
        subjects: order.map((i) => 1000 - (control.subjects[i] ?? Number.NaN)),
      };
      const effects = (one: Observations, ownSeed = 1) =>
        quantileEffects(one, treatment, { quantile: 0.8, replicates: 100, seed: ownSeed });
      expect(effects(shuffled)).toEqual(effects(control));
      expect(effects(control, 2)).not.toEqual(effects(control));
    }),
    { numRuns: 20 },
  );
});

test("STA-36 a shift of all values moves the difference by as much, and a factor leaves the lift as it is", () => {
  const random = new Random(3);
  const [control, treatment] = [latencies(random, 200, 2), latencies(random, 200, 2)];
  const changed = (change: (value: number) => number): Observations => ({
    values: Array.from(treatment.values, change),
    subjects: treatment.subjects,
  });
  const options = { quantile: 0.9, replicates: 200 };
  const plain = quantileEffects(control, treatment, options).difference;
  const doubled = (data: Observations): Observations => ({
    ...data,
    values: Array.from(data.values, (one) => 2 * one),
  });
  expect(quantileEffects(doubled(control), doubled(treatment), options).lift).toEqual(
    quantileEffects(control, treatment, options).lift,
  );
  const shifted = quantileEffects(
    control,
    changed((value) => value + 1),
    options,
  ).difference;
  expect((shifted.fixed.lower ?? Number.NaN) - (plain.fixed.lower ?? Number.NaN)).toBeCloseTo(1, 9);
  expect(shifted.fixed.p).toBeLessThan(0.02);
  expect(shifted.sequence.lower).toBeGreaterThan(0);
});

test("STA-37 too few subjects, equal values and values that are none leave the interval open", () => {
  const random = new Random(5);
  const good = latencies(random, 300, 1);
  const unknown = { standardError: null, fixed: { lower: null, upper: null, p: null }, sequence: { lower: null } };
  const bad: readonly Observations[] = [
    { values: [], subjects: [] },
    { values: [1], subjects: [0] },
    { values: [1, Number.NaN], subjects: [0, 1] },
    { values: [1, 2], subjects: [0] },
    { values: [1, 2], subjects: [0, 0.5] },
    latencies(random, 1, 500),
    latencies(random, 100, 1),
    { values: good.values, subjects: Array.from({ length: 300 }, (_, i) => i % 9) },
  ];
  for (const one of bad) {
    const { difference, lift } = quantileEffects(good, one, { quantile: 0.95 });
    for (const effect of [difference, lift]) expect(effect).toMatchObject(unknown);
  }
  const constant = { values: Array.from({ length: 300 }, () => 2), subjects: good.subjects };
  expect(quantileEffects(constant, constant, { quantile: 0.95 }).difference).toMatchObject({ ...unknown, estimate: 0 });
  for (const quantile of [0, 1, Number.NaN]) {
    expect(quantileEffects(good, good, { quantile }).difference).toMatchObject({ ...unknown, estimate: null });
  }
  const negative = { values: Array.from(good.values, (one) => -one), subjects: good.subjects };
  expect(quantileEffects(negative, good, { quantile: 0.9 }).lift).toMatchObject({ ...unknown, estimate: null });
});

test("STA-38 a draw that leaves the window is not lost, but looked for in a wider one", () => {
  // Ten slow subjects with 100 requests each beside 300 quick ones with one. Where hardly a slow one is drawn, which is
  // once in 2,000 draws, the quantile is a quick one's.
  const values = Array.from({ length: 1300 }, (_, i) => (i < 300 ? i / 300 : 5 + (i % 100) / 100));
  const subjects = Array.from({ length: 1300 }, (_, i) => (i < 300 ? i : 300 + ((i - 300) % 10)));
  const random = new Random(4);
  const options = { quantile: 0.3, level: 0.9998, replicates: 10_000 };
  const { difference } = quantileEffects(latencies(random, 300, 1), { values, subjects }, options);
  expect(difference.estimate).toBeGreaterThan(4);
  expect(difference.fixed.lower).toBeLessThan(0.2);
});
