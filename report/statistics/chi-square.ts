import { chiSquareTail } from "./distributions.ts";
import { type Figure, figure, isCount } from "./figures.ts";
import { isProportion, type Proportion } from "./proportions.ts";

/** A chi-square test. */
export interface ChiSquare {
  readonly chiSquare: Figure;
  readonly degreesOfFreedom: Figure;
  readonly p: Figure;
}

const UNTESTED: ChiSquare = { chiSquare: null, degreesOfFreedom: null, p: null };

/**
 * Tests whether two or more proportions are of one rate. Without two proportions, or if all trials succeed or none,
 * every figure is null.
 *
 * @see Fleiss, Levin, Paik 2003, "Statistical Methods for Rates and Proportions", 9.1; R's `prop.test`
 */
export function homogeneity(proportions: readonly Proportion[]): ChiSquare {
  if (proportions.length < 2 || !proportions.every(isProportion)) return UNTESTED;
  const successes = sumOf(proportions.map((one) => one.successes));
  const trials = sumOf(proportions.map((one) => one.trials));
  const rate = successes / trials;
  const variance = rate * ((trials - successes) / trials);
  const terms = proportions.map((one) => (one.trials * (one.successes / one.trials - rate) ** 2) / variance);
  return tested(sumOf(terms), proportions.length - 1);
}

/** A test of the sample ratio. `mismatch` is null if it cannot be told. */
export interface SampleRatio extends ChiSquare {
  readonly mismatch: boolean | null;
}

/** Below it, a sample ratio is a mismatch. Fabijan et al. 2019, "Diagnosing sample ratio mismatch", KDD. */
const MISMATCH = 0.001;

/** Below it in one variant, chi-square is not near enough to its distribution. Cochran 1954, Biometrics 10. */
const LEAST_EXPECTED = 5;

/**
 * Tests whether subjects were assigned to variants in the ratio of the weights (any unit, such as 1:1 or 50:50), by
 * Pearson's chi-square at 0.001. A variant of weight 0 is left out; if it has subjects, that is a mismatch. `mismatch`
 * is null where a variant has to expect fewer than five subjects. Without two variants that have a weight, or with
 * counts that are none, all figures are null.
 *
 * @see Pearson 1900, Philosophical Magazine 50
 */
export function sampleRatio(counts: readonly number[], weights: readonly number[]): SampleRatio {
  const isValid = counts.length === weights.length && counts.every(isCount) && weights.every(isWeight);
  const weighted = counts.map((count, i) => ({ count, weight: weights[i] ?? 0 })).filter(({ weight }) => weight > 0);
  if (!isValid || weighted.length < 2) return { ...UNTESTED, mismatch: null };
  const degrees = weighted.length - 1;
  const total = sumOf(weighted.map(({ count }) => count));
  if (sumOf(counts) > total) return { chiSquare: null, degreesOfFreedom: degrees, p: 0, mismatch: true };
  const whole = sumOf(weighted.map(({ weight }) => weight));
  const expected = weighted.map(({ weight }) => total * (weight / whole));
  // Without subjects there is no deviation either.
  const terms = weighted.map(({ count }, i) =>
    total === 0 ? 0 : (count - (expected[i] ?? 0)) ** 2 / (expected[i] ?? 0),
  );
  const test = tested(sumOf(terms), degrees);
  const isTooSmall = expected.some((one) => one < LEAST_EXPECTED);
  return { ...test, mismatch: isTooSmall || test.p === null ? null : test.p < MISMATCH };
}

function isWeight(value: number): boolean {
  return Number.isFinite(value) && value >= 0;
}

function tested(chiSquare: number, degreesOfFreedom: number): ChiSquare {
  if (!Number.isFinite(chiSquare)) return UNTESTED;
  return { chiSquare, degreesOfFreedom, p: figure(chiSquareTail(chiSquare, degreesOfFreedom)) };
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}
