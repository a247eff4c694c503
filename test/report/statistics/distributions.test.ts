import { expect, test } from "vitest";
import {
  binomialQuantile,
  chiSquareTail,
  normalQuantile,
  studentQuantile,
  studentTail,
  studentTwoTails,
} from "../../../report/statistics/distributions.ts";

// References of 50 digits by mpmath's betainc, gammainc and erfc; quantiles of t and of the binomial by scipy.

/** How far off a figure is, in parts of the true one. */
function error(actual: number, expected: number): number {
  return Math.abs(actual / expected - 1);
}

test.each([
  [1e-300, -37.0470962993612],
  [1e-100, -21.273453560965326],
  [1e-20, -9.262340089798407],
  [1e-5, -4.264890793922825],
  [0.025, -1.9599639845400543],
  [0.3, -0.5244005127080408],
])("STA-08 the normal quantile keeps its digits in the tail: %d", (p, expected) => {
  expect(error(normalQuantile(p), expected)).toBeLessThan(1e-13);
});

test.each([
  [1e-4, 7, 0.9999230017099802],
  [2, 1, 0.2951672353008665],
  [-2.5, 3.3, 0.08005283630835446],
  [12, 40, 7.824171304255972e-15],
  [38, 1000, 2.9187578422600384e-196],
  [3, 1e6, 0.002699862541421797],
  [1.96, 1e8, 0.04999579306932811],
])("STA-09 the two tails of t = %d with %d degrees keep their digits", (t, df, expected) => {
  expect(error(studentTwoTails(t, df), expected)).toBeLessThan(1e-11);
  expect(error(studentTail(Math.abs(t), df), expected / 2)).toBeLessThan(1e-11);
  expect(error(studentTail(-Math.abs(t), df), 1 - expected / 2)).toBeLessThan(1e-11);
});

test.each([
  [1e-6, 1, 0.9992021155721779],
  [3.84, 1, 0.050043521248705106],
  [22.77, 2, 1.1364682928421325e-5],
  [1000, 1, 1.7958327848007262e-219],
  [1400, 5, 1.3765875143943704e-300],
  [100, 50, 3.454931382984864e-5],
])("STA-10 the tail of chi-square %d with %d degrees keeps its digits", (x, df, expected) => {
  expect(error(chiSquareTail(x, df), expected)).toBeLessThan(1e-12);
});

test("STA-11 quantiles of t for few, odd and many degrees", () => {
  expect(error(studentQuantile(0.975, 1), 12.706204736174694)).toBeLessThan(1e-12);
  expect(error(studentQuantile(0.975, 2.5), 3.5746548420036817)).toBeLessThan(1e-12);
  expect(error(studentQuantile(0.995, 57.3), 2.6643894364923972)).toBeLessThan(1e-12);
  expect(error(studentQuantile(0.975, 1e6), 1.959966356814107)).toBeLessThan(1e-12);
  expect(studentQuantile(0.975, Number.POSITIVE_INFINITY)).toBe(normalQuantile(0.975));
});

/** P(X <= k) in exact arithmetic, for a rate that is a whole number of hundredths. */
function cumulative(k: number, n: number, hundredths: number): bigint {
  let [sum, choose] = [0n, 1n];
  for (let i = 0n; i <= BigInt(k); i += 1n) {
    sum += choose * BigInt(hundredths) ** i * BigInt(100 - hundredths) ** (BigInt(n) - i);
    choose = (choose * (BigInt(n) - i)) / (i + 1n);
  }
  return sum;
}

test("STA-12 binomial quantiles are those of exact sums, and right for a hundred million trials", () => {
  for (const n of [1, 2, 7, 40, 150]) {
    for (const hundredths of [1, 50, 95, 99]) {
      for (const thousandths of [25, 500, 975]) {
        let k = 0;
        while (cumulative(k, n, hundredths) * 1000n < 100n ** BigInt(n) * BigInt(thousandths)) k += 1;
        expect(binomialQuantile(thousandths / 1000, n, hundredths / 100)).toBe(k);
      }
    }
  }
  expect(binomialQuantile(0.975, 1e8, 0.95)).toBe(95_004_271);
  expect(binomialQuantile(0.975, 1e8 + 1, 0.95)).toBeNaN();
});

test("STA-13 outside its domain, a distribution function is NaN", () => {
  const all = [
    normalQuantile(-0.1),
    normalQuantile(Number.NaN),
    studentQuantile(2, 5),
    studentQuantile(0.5, -1),
    studentTwoTails(1, 0),
    studentTwoTails(Number.NaN, 5),
    studentTail(Number.NaN, Number.POSITIVE_INFINITY),
    chiSquareTail(-1, 1),
    chiSquareTail(1, 0),
    binomialQuantile(0.5, 2.5, 0.5),
    binomialQuantile(0.5, -1, 0.5),
    binomialQuantile(0.5, 10, 1.5),
  ];
  expect(all.filter((one) => !Number.isNaN(one))).toEqual([]);
});
