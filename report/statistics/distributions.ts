import betainc from "@stdlib/math-base-special-betainc";
import erfc from "@stdlib/math-base-special-erfc";
import erfcinv from "@stdlib/math-base-special-erfcinv";
import gammainc from "@stdlib/math-base-special-gammainc";
import binomial from "@stdlib/stats-base-dists-binomial-quantile";
import student from "@stdlib/stats-base-dists-t-quantile";

// All arguments and results are plain numbers; outside its domain a function returns NaN. Tails are computed as tails,
// never as 1 minus the rest, so that a p-value of 1e-300 is right. Below 5e-324 it is 0.

/** Above this, Student's t differs from the normal distribution by less than a double resolves in a quantile. */
const NEARLY_NORMAL = 1e10;

/** Above this, the library's binomial quantile is slow and no longer exact. */
const MOST_TRIALS = 1e8;

/** The x below which a standard normal variable lies with probability `p`. DLMF 7.17, with erfc for the tails. */
export function normalQuantile(p: number): number {
  return -Math.SQRT2 * erfcinv(2 * p);
}

/** The x below which Student's t with `df` degrees of freedom (they may be infinite) lies with probability `p`. */
export function studentQuantile(p: number, df: number): number {
  return df > NEARLY_NORMAL ? normalQuantile(p) : student(p, df);
}

/** The probability that Student's t with `df` degrees of freedom is at least |t| away from 0. DLMF 8.17. */
export function studentTwoTails(t: number, df: number): number {
  if (!(df > 0)) return Number.NaN;
  if (df > NEARLY_NORMAL) return erfc(Math.abs(t) / Math.SQRT2);
  const square = t * t;
  // Each form loses digits where the other one keeps them.
  return square > df
    ? betainc(df / (df + square), df / 2, 0.5, true, false)
    : betainc(square / (df + square), 0.5, df / 2, true, true);
}

/** The probability that Student's t with `df` degrees of freedom is above `t`. */
export function studentTail(t: number, df: number): number {
  const half = studentTwoTails(t, df) / 2;
  return t > 0 ? half : 1 - half;
}

/** The probability that a chi-square variable with `df` degrees of freedom is above `x`. DLMF 8.2.4. */
export function chiSquareTail(x: number, df: number): number {
  if (!(x >= 0 && df > 0)) return Number.NaN;
  return x === Number.POSITIVE_INFINITY ? 0 : gammainc(x / 2, df / 2, true, true);
}

/** The least k with P(X <= k) >= p, where X counts successes of probability `rate` in at most 1e8 trials. */
export function binomialQuantile(p: number, trials: number, rate: number): number {
  // The library's 0 may be negative.
  return trials <= MOST_TRIALS ? binomial(p, trials, rate) + 0 : Number.NaN;
}
