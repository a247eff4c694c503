import { normalQuantile, studentTwoTails } from "./distributions.ts";
import { type Figure, figure, type Interval, interval, isCount, isShare, LEVEL, UNKNOWN } from "./figures.ts";

/** How many of how many. Both are counts, `successes` at most `trials`; otherwise every figure of them is null. */
export interface Proportion {
  readonly successes: number;
  readonly trials: number;
}

/** True if the proportion has a value: at least one trial. */
export function isProportion({ successes, trials }: Proportion): boolean {
  return isCount(successes) && isCount(trials) && successes <= trials && trials > 0;
}

/**
 * Wilson's score interval of a proportion, between 0 and 1. It is right for 0 of n and n of n too. `level` is its
 * confidence, such as 0.95.
 *
 * @see Wilson 1927, "Probable inference, the law of succession, and statistical inference", JASA 22
 */
export function wilson({ successes, trials }: Proportion, level: number = LEVEL): Interval {
  if (!isProportion({ successes, trials }) || !isShare(level)) return UNKNOWN;
  const square = normalQuantile((1 - level) / 2) ** 2;
  // The roots of (n + z²) p² - (2x + z²) p + x²/n. The smaller one by Vieta, since a difference would lose its digits.
  const twice = 2 * successes + square;
  const root = Math.sqrt(square * (square + 4 * successes * ((trials - successes) / trials)));
  const upper = successes === trials ? 1 : (twice + root) / (2 * (trials + square));
  return interval((successes * (successes / trials)) / ((trials + square) * upper), upper);
}

/**
 * Newcombe's hybrid score interval of the difference A - B of two proportions, between -1 and 1: method 10.
 *
 * @see Newcombe 1998, "Interval estimation for the difference between independent proportions", Statist. Med. 17
 */
export function newcombe(a: Proportion, b: Proportion, level: number = LEVEL): Interval {
  const [ofA, ofB] = [wilson(a, level), wilson(b, level)];
  if (ofA.lower === null || ofA.upper === null || ofB.lower === null || ofB.upper === null) return UNKNOWN;
  const [rateA, rateB] = [a.successes / a.trials, b.successes / b.trials];
  return interval(
    Math.max(-1, rateA - rateB - Math.hypot(rateA - ofA.lower, ofB.upper - rateB)),
    Math.min(1, rateA - rateB + Math.hypot(ofA.upper - rateA, rateB - ofB.lower)),
  );
}

/**
 * The ratio A / B of two proportions, with an interval that is symmetric on the logarithm. Without successes in B there
 * is no ratio; without successes in A, or with nothing else in both, it has no interval.
 *
 * @see Katz et al. 1978, "Obtaining confidence intervals for the risk ratio in cohort studies", Biometrics 34
 */
export function ratioOfProportions(
  a: Proportion,
  b: Proportion,
  level: number = LEVEL,
): Interval & { readonly ratio: Figure } {
  if (!isProportion(a) || !isProportion(b)) return { ratio: null, ...UNKNOWN };
  const ratio = a.successes / a.trials / (b.successes / b.trials);
  const variance = varianceOfLog(a) + varianceOfLog(b);
  if (!(variance > 0) || !isShare(level)) return { ratio: figure(ratio), ...UNKNOWN };
  const factor = Math.exp(normalQuantile((1 + level) / 2) * Math.sqrt(variance));
  return { ratio: figure(ratio), ...interval(ratio / factor, ratio * factor) };
}

/** Of the logarithm of an observed rate: (1 - rate) / successes. */
function varianceOfLog({ successes, trials }: Proportion): number {
  return (trials - successes) / trials / successes;
}

/** A test of two proportions. `lower` and `upper` are of the difference A - B. */
export interface TwoProportions extends Interval {
  readonly difference: Figure;
  readonly chiSquare: Figure;
  readonly p: Figure;
}

/**
 * The difference A - B of two proportions: Pearson's chi-square with the pooled rate and without continuity correction,
 * and Wald's interval with each one's own rate, between -1 and 1. If all trials succeed, or none, there is no p; if that
 * is so in each of the two, there is no interval: take {@link newcombe}.
 *
 * @see Fleiss, Levin, Paik 2003, "Statistical Methods for Rates and Proportions", 3.1 and 3.2; R's `prop.test`
 */
export function twoProportions(a: Proportion, b: Proportion, level: number = LEVEL): TwoProportions {
  if (!isProportion(a) || !isProportion(b)) return { difference: null, chiSquare: null, p: null, ...UNKNOWN };
  const [rateA, rateB] = [a.successes / a.trials, b.successes / b.trials];
  const difference = rateA - rateB;
  const pooled = varianceOf({ successes: a.successes + b.successes, trials: a.trials + b.trials });
  const z = difference / Math.sqrt(pooled * (1 / a.trials + 1 / b.trials));
  const error = Math.sqrt(varianceOf(a) / a.trials + varianceOf(b) / b.trials);
  const width = isShare(level) && error > 0 ? normalQuantile((1 + level) / 2) * error : Number.NaN;
  return {
    difference,
    chiSquare: figure(z * z),
    p: figure(studentTwoTails(z, Number.POSITIVE_INFINITY)),
    ...interval(Math.max(-1, difference - width), Math.min(1, difference + width)),
  };
}

/** Of one trial. */
function varianceOf({ successes, trials }: Proportion): number {
  return (successes / trials) * ((trials - successes) / trials);
}
