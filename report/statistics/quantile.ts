import { binomialQuantile } from "./distributions.ts";
import { figure, type Interval, interval, isCount, isShare, LEVEL, UNKNOWN } from "./figures.ts";

/** Where a quantile of n sorted values lies: between the values at `below` and at `below + 1`, counted from 0. */
export interface Place {
  readonly below: number;
  /** The part of the way to the next value, from 0 to less than 1. */
  readonly part: number;
}

/** The place (n - 1) q. Hyndman, Fan 1996, "Sample quantiles in statistical packages", Amer. Statist. 50, type 7. */
export function placeOf(quantile: number, n: number): Place {
  const place = (n - 1) * quantile;
  return { below: Math.floor(place), part: place - Math.floor(place) };
}

/** The value between two neighbours. */
export function between(low: number, high: number, part: number): number {
  return part === 0 ? low : low + (high - low) * part;
}

/** A quantile of sorted values, such as 0.95, in their unit. NaN without values. */
export function quantileOf(sorted: ArrayLike<number>, quantile: number): number {
  if (sorted.length === 0 || !(quantile >= 0 && quantile <= 1)) return Number.NaN;
  const { below, part } = placeOf(quantile, sorted.length);
  return between(sorted[below] ?? Number.NaN, sorted[below + 1] ?? Number.NaN, part);
}

/**
 * The ranks, counted from 1, between whose values a quantile lies with the confidence `level`, where each value is
 * another subject's: quantiles of the binomial distribution. A rank 0 is below all values. Null above 1e8 values.
 *
 * @see David, Nagaraja 2003, "Order Statistics", 7.1
 */
export function quantileRanks(n: number, quantile: number, level: number = LEVEL): Interval {
  if (!isCount(n) || n === 0 || !isShare(quantile) || !isShare(level)) return UNKNOWN;
  const rank = (p: number): number => figure(binomialQuantile(p, n, quantile)) ?? Number.NaN;
  return interval(rank((1 - level) / 2), rank((1 + level) / 2));
}
