import { expect, test } from "vitest";
import {
  Conversions,
  coverage,
  Errors,
  falseAlarms,
  mismatches,
  Revenue,
} from "../../../bench/statistics/simulations.ts";
import { difference, lift } from "../../../report/statistics/effect.ts";

// Short forms of `npm run bench -- statistics`; the bounds have room for fewer runs.

const LOOKS = { runs: 300, looks: 50, subjects: 40, seed: 1 };

test.each([
  ["a rate", () => new Conversions(0.1, difference)],
  ["the lift of a small rate", () => new Conversions(0.02, lift)],
  ["the lift of a value with a long tail", () => new Revenue()],
])("STA-46 without a difference, a sequence of %s that is looked at 50 times seldom excludes 0", (_, metric) => {
  expect(falseAlarms(metric, LOOKS).sequence).toBeLessThanOrEqual(0.05);
});

test("STA-47 an interval for one look excludes 0 far too often when it is looked at 50 times", () => {
  expect(falseAlarms(() => new Conversions(0.1), LOOKS).fixed).toBeGreaterThan(0.15);
});

test("STA-48 one look at errors per request is wrong as often as it says, though requests fail together", () => {
  const { fixed } = falseAlarms(() => new Errors(), { runs: 1000, looks: 1, subjects: 200, seed: 2 });
  expect(fixed).toBeGreaterThan(0.03);
  expect(fixed).toBeLessThan(0.07);
});

test.each([1, 4])("STA-49 an interval of a p95 difference covers it; requests of a subject: %d", (requests) => {
  const share = coverage({ runs: 200, subjects: 500, requests, seed: 3, replicates: 200 });
  expect(share).toBeGreaterThan(0.9);
  expect(share).toBeLessThan(0.99);
});

test("STA-50 a mismatch of 52:48 is found, and one of 50:50 is not", () => {
  expect(mismatches({ runs: 50, subjects: 40_000, share: 0.52, seed: 4 })).toBe(1);
  expect(mismatches({ runs: 200, subjects: 2000, share: 0.5, seed: 4 })).toBeLessThanOrEqual(0.01);
});
