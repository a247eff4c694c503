/**
 * A figure that is shown. It is `null` if it is not known: the input is not what the function asks for, or the data do
 * not determine it (no trials, no variance, one subject). It is never NaN and never infinite.
 */
export type Figure = number | null;

/** A confidence interval. Both ends are null, or none. */
export interface Interval {
  readonly lower: Figure;
  readonly upper: Figure;
}

export const UNKNOWN: Interval = { lower: null, upper: null };

/** The confidence of intervals where none is asked for. */
export const LEVEL = 0.95;

/** The number, or null if it is NaN or infinite. */
export function figure(value: number): Figure {
  return Number.isFinite(value) ? value : null;
}

/** The interval between two ends, or unknown if one of them is not finite. */
export function interval(lower: number, upper: number): Interval {
  return Number.isFinite(lower) && Number.isFinite(upper) ? { lower, upper } : UNKNOWN;
}

/** More of anything is not counted but a mistake. */
const MOST = 1e18;

/** True for a number of things: 0, 1, 2, … 1e18. Beyond 2^53 too, where a double is a rounded count. */
export function isCount(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= MOST;
}

/** True for a number between 0 and 1, without both: a confidence, an error rate, a quantile. */
export function isShare(value: number): boolean {
  return value > 0 && value < 1;
}
