import { criticalValue, type Estimate, TUNING } from "./confidence-sequence.ts";
import { normalQuantile } from "./distributions.ts";
import { type Figure, figure, isShare, LEVEL } from "./figures.ts";

/** The probability with which an effect is to be found where none is asked for. */
const POWER = 0.8;

/** The most subjects that are searched: more than people. */
const MOST_SUBJECTS = 2 ** 40;

export interface RatePower {
  readonly p1: number;
  readonly p2: number;
  /** The probability with which the difference is found; 0.8 if not given. */
  readonly power?: number;
  /** The error rate of the two-sided test; 0.05 if not given. */
  readonly alpha?: number;
}

/**
 * Subjects per arm, not rounded, with which a test of two proportions finds the difference of two rates, for plans
 * before the first subject. Null for equal rates.
 *
 * @see Fleiss, Levin, Paik 2003, "Statistical Methods for Rates and Proportions", 4.2; R's `power.prop.test`
 */
export function subjectsPerArm({ p1, p2, power = POWER, alpha = 1 - LEVEL }: RatePower): Figure {
  const areRates = p1 >= 0 && p1 <= 1 && p2 >= 0 && p2 <= 1 && p1 !== p2;
  if (!areRates || !isShare(alpha) || !isShare(power)) return null;
  const middle = (p1 + p2) / 2;
  const underNone = -normalQuantile(alpha / 2) * Math.sqrt(2 * middle * (1 - middle));
  const underSome = normalQuantile(power) * Math.sqrt(p1 * (1 - p1) + p2 * (1 - p2));
  // A test whose error rate exceeds the power asked for needs nobody.
  return figure((Math.max(0, underNone + underSome) / (p1 - p2)) ** 2);
}

export interface EffectPower {
  /** The smallest effect that matters, in the estimate's unit: 0.05 of a lift is 5 %. Its sign does not count. */
  readonly minimumEffect: number;
  readonly power?: number;
  readonly level?: number;
  readonly tuning?: number;
}

/** Subjects of all arms, rounded up, for one look at the end and for any number of looks. */
export interface Needed {
  readonly fixed: Figure;
  readonly sequence: Figure;
}

/**
 * How many subjects, in the present shares of the arms, an effect needs to be found. The variance is that of the
 * estimate so far, so this works for rates, means, ratios and quantiles, and is as good as that estimate.
 *
 * @see Deng, Knoblich, Lu 2018, KDD, 2.1, for one look; for the sequence the same with its own width
 */
export function subjectsNeeded({ standardError, ...counted }: Estimate, options: EffectPower): Needed {
  const { minimumEffect, power = POWER, level = LEVEL, tuning = TUNING } = options;
  const { subjects, effectiveSubjects } = counted;
  const part = effectiveSubjects / subjects;
  const spread = standardError === null ? Number.NaN : (standardError * Math.sqrt(subjects)) / Math.abs(minimumEffect);
  const beyond = isShare(power) ? normalQuantile(power) : Number.NaN;
  const needs = (critical: (n: number) => number): Figure =>
    least((n) => spread * Math.max(0, critical(n) + beyond) <= Math.sqrt(n));
  const critical = isShare(level) ? normalQuantile((1 + level) / 2) : Number.NaN;
  return { fixed: needs(() => critical), sequence: needs((n) => criticalValue(part * n, { level, tuning })) };
}

/** The least number from 1 on for which the condition holds; from there on it always does. Null if there is none. */
function least(isEnough: (n: number) => boolean): Figure {
  if (!isEnough(MOST_SUBJECTS)) return null;
  let [low, high] = [0, MOST_SUBJECTS];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (isEnough(middle)) high = middle;
    else low = middle;
  }
  return high;
}

/** What is missing. */
export interface Remaining {
  readonly subjects: Figure;
  /** Whole days at the present rate; null if nobody comes. */
  readonly days: Figure;
}

/** How many more subjects are needed, and how many more days that takes if so many come in a day. */
export function remaining(needed: Figure, subjects: number, perDay: number): Remaining {
  if (needed === null || !Number.isFinite(subjects)) return { subjects: null, days: null };
  const more = Math.max(0, Math.ceil(needed - subjects));
  if (more === 0) return { subjects: 0, days: 0 };
  return { subjects: more, days: perDay > 0 ? figure(Math.ceil(more / perDay)) : null };
}
