import { expect, test } from "vitest";
import { meanArm, proportionArm } from "../../../report/statistics/arm.ts";
import { difference, lift } from "../../../report/statistics/effect.ts";
import { nonInferiority } from "../../../report/statistics/non-inferiority.ts";
import { remaining, subjectsNeeded, subjectsPerArm } from "../../../report/statistics/power.ts";

const control = proportionArm({ successes: 500, trials: 5000 });
const treatment = proportionArm({ successes: 520, trials: 5000 });

test("STA-20 subjects that are needed for one look are near those of R's formula for two rates", () => {
  const { fixed } = subjectsNeeded(difference(control, treatment), { minimumEffect: 0.02 });
  const planned = 2 * (subjectsPerArm({ p1: 0.1, p2: 0.12 }) ?? Number.NaN);
  expect(Math.abs((fixed ?? Number.NaN) / planned - 1)).toBeLessThan(0.1);
});

test("STA-21 a sequence needs more subjects than one look, and each finds its effect just then", () => {
  const effect = lift(control, treatment);
  const { fixed, sequence } = subjectsNeeded(effect, { minimumEffect: 0.1 });
  expect(sequence).toBeGreaterThan(fixed ?? Number.NaN);
  expect(subjectsNeeded(effect, { minimumEffect: -0.1 })).toEqual({ fixed, sequence });
  expect(subjectsNeeded(effect, { minimumEffect: 0.05 }).fixed).toBeGreaterThan(3 * (fixed ?? Number.NaN));
});

test("STA-22 the days that remain are rounded up, and unknown if nobody comes", () => {
  expect(remaining(1000, 400, 250)).toEqual({ subjects: 600, days: 3 });
  expect(remaining(1000, 400, 0)).toEqual({ subjects: 600, days: null });
  expect(remaining(1000, 2000, 0)).toEqual({ subjects: 0, days: 0 });
  expect(remaining(null, 2000, 10)).toEqual({ subjects: null, days: null });
});

test("STA-23 equal rates, no effect and no variance need a number of subjects that is unknown", () => {
  expect(subjectsPerArm({ p1: 0.5, p2: 0.5 })).toBeNull();
  expect(subjectsPerArm({ p1: Number.NaN, p2: 0.5 })).toBeNull();
  const unknown = { fixed: null, sequence: null };
  expect(subjectsNeeded(difference(control, treatment), { minimumEffect: 0 })).toEqual(unknown);
  const constant = meanArm(10, { sum: 10, sumSquares: 10 });
  expect(subjectsNeeded(difference(constant, constant), { minimumEffect: 1 })).toEqual(unknown);
});

test("STA-24 a guardrail holds, is broken, or is open, by where its interval lies", () => {
  const slower = lift(
    proportionArm({ successes: 5000, trials: 50_000 }),
    proportionArm({ successes: 5400, trials: 50_000 }),
  );
  expect(nonInferiority(slower, { tolerate: 0.2, worse: "higher" })).toMatchObject({
    fixed: "holds",
    sequence: "holds",
  });
  expect(nonInferiority(slower, { tolerate: 0.01, worse: "higher" })).toMatchObject({
    fixed: "broken",
    sequence: "broken",
  });
  expect(nonInferiority(slower, { tolerate: 0.09, worse: "higher" })).toMatchObject({
    fixed: "open",
    sequence: "open",
  });
  expect(nonInferiority(slower, { tolerate: 0.01, worse: "lower" })).toMatchObject({
    fixed: "holds",
    sequence: "holds",
  });
  expect(nonInferiority(slower, { tolerate: -1, worse: "lower" })).toEqual({ p: null, fixed: null, sequence: null });
});

test("STA-25 the p of a guardrail is below 0.025 just where its interval of 95 % is within the margin", () => {
  const effect = lift(proportionArm({ successes: 50, trials: 100 }), proportionArm({ successes: 52, trials: 100 }));
  const upper = effect.fixed.upper ?? Number.NaN;
  const at = (tolerate: number) => nonInferiority(effect, { tolerate, worse: "higher" });
  expect(at(upper).p).toBeCloseTo(0.025, 10);
  expect([at(upper + 1e-9).fixed, at(upper - 1e-9).fixed]).toEqual(["holds", "open"]);
});
