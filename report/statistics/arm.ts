import { isCount } from "./figures.ts";
import { isProportion, type Proportion } from "./proportions.ts";

/**
 * What one variant measured, with the subject as the unit. All metrics have this form, so that one comparison does for
 * all of them.
 */
export interface Arm {
  readonly subjects: number;
  /** The metric: a rate, a mean per subject, or a ratio. */
  readonly value: number;
  /** Of one subject: the variance of `value` is this divided by `subjects`. NaN if it is not known. */
  readonly variance: number;
}

/** An arm of which nothing is known. */
const NOTHING: Arm = { subjects: 0, value: Number.NaN, variance: Number.NaN };

/** The sums over all subjects from which a mean and its variance are computed. */
export interface Sums {
  readonly sum: number;
  readonly sumSquares: number;
}

/** If squares cancel to less than this part of themselves, what is left is rounding: the variance counts as 0. */
const CANCELLED = 1e-12;

/**
 * A rate of subjects, such as converted ones of exposed ones, with the variance p (1 - p). For 0 of n and n of n that
 * would be 0, as if the rate were known: there p is Laplace's (successes + 1) / (trials + 2).
 */
export function proportionArm(proportion: Proportion): Arm {
  if (!isProportion(proportion)) return NOTHING;
  const { successes, trials } = proportion;
  const isMixed = successes > 0 && successes < trials;
  const rate = isMixed ? successes / trials : 1 / (trials + 2);
  const rest = isMixed ? (trials - successes) / trials : (trials + 1) / (trials + 2);
  return { subjects: trials, value: successes / trials, variance: rate * rest };
}

/** A mean per subject, such as the value of conversions. One subject has no variance. */
export function meanArm(subjects: number, { sum, sumSquares }: Sums): Arm {
  if (!isCount(subjects) || subjects === 0) return NOTHING;
  const variance = covariance(subjects, sum, sum, sumSquares);
  return { subjects, value: sum / subjects, variance: variance < CANCELLED * (sumSquares / subjects) ? 0 : variance };
}

/** The sums of a ratio metric: per subject, a numerator such as errors and a denominator such as requests. */
interface RatioSums {
  readonly numerator: Sums;
  readonly denominator: Sums;
  /** The sum of numerator × denominator, subject by subject. */
  readonly sumProducts: number;
}

/**
 * A ratio of two sums over subjects, such as errors per request or latency per request. The requests of a subject
 * depend on each other, so the variance is that between subjects, by the delta method.
 *
 * @see Deng, Knoblich, Lu 2018, "Applying the delta method in metric analytics", KDD, equation 3
 */
export function ratioArm(subjects: number, { numerator, denominator, sumProducts }: RatioSums): Arm {
  if (!isCount(subjects) || !(denominator.sum > 0)) return NOTHING;
  const value = numerator.sum / denominator.sum;
  // The residuals y - value × d have the sum 0, so that their squares are all that is needed.
  const squares = numerator.sumSquares - 2 * value * sumProducts + value * value * denominator.sumSquares;
  const isCancelled = subjects > 1 && squares < CANCELLED * numerator.sumSquares;
  return { subjects, value, variance: isCancelled ? 0 : squares / (subjects - 1) / (denominator.sum / subjects) ** 2 };
}

/**
 * The covariance of x and y per subject, from their sums: (n Σxy - Σx Σy) / (n (n - 1)). Both products are exact, since
 * their difference would lose the digits that they are rounded by.
 */
function covariance(n: number, sumX: number, sumY: number, sumProducts: number): number {
  const [all, allRest] = exactProduct(n, sumProducts);
  const [own, ownRest] = exactProduct(sumX, sumY);
  return (all - own + (allRest - ownRest)) / n / (n - 1);
}

/** A product of doubles as a double and what it is rounded by. Dekker 1971, Numerische Mathematik 18. */
function exactProduct(x: number, y: number): readonly [product: number, rest: number] {
  const product = x * y;
  const [xHigh, xLow] = halves(x);
  const [yHigh, yLow] = halves(y);
  return [product, xLow * yLow - (product - xHigh * yHigh - xLow * yHigh - xHigh * yLow)];
}

function halves(x: number): readonly [high: number, low: number] {
  const scaled = 134_217_729 * x; // 2^27 + 1
  const high = scaled - (scaled - x);
  return [high, x - high];
}
