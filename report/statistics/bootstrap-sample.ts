import { poisson, poissonOne } from "./poisson.ts";
import { between, placeOf, quantileOf } from "./quantile.ts";
import type { Random } from "./random.ts";

/** Measured values, such as the latencies of requests, each with the number of its subject. */
export interface Observations {
  /** In any unit. */
  readonly values: ArrayLike<number>;
  /** Of each value, a whole number that stands for its subject. */
  readonly subjects: ArrayLike<number>;
}

/**
 * A variant's values in the form from which a quantile is drawn again and again. Only values in a window around the
 * quantile are kept. Of the others it is enough to know how many each subject has, and how many of them are below the
 * window: subjects without values in it that are alike in that are drawn together, since a sum of Poisson variables is
 * one. So a draw takes hardly longer for a million values than for a thousand.
 */
export interface BootstrapSample {
  readonly subjects: number;
  /** How many subjects have a value above the quantile, or one at it or below: the smaller number. */
  readonly leastSide: number;
  /** The quantile of the values themselves. */
  readonly value: number;
  /** The quantile of a sample in which each subject is drawn anew; NaN if it is not in the window. */
  draw(random: Random): number;
}

/** A subject's values, counted: all, those below the window, and the places in the window of the others. */
interface Counted {
  all: number;
  below: number;
  readonly places: number[];
}

/** Subjects that are drawn together. */
interface Group {
  readonly size: number;
  readonly all: number;
  readonly below: number;
}

/** How many standard errors of its rank the window reaches to each side of the quantile. */
const REACH = 5;

/**
 * The sample with a window of `factor` times the usual reach. Null if there is no value, a value is not finite, or a
 * subject is not a whole number.
 */
export function bootstrapSample(
  { values, subjects }: Observations,
  quantile: number,
  factor = 1,
): BootstrapSample | null {
  const sorted = Float64Array.from(values).sort();
  const areSubjects = subjects.length === sorted.length && Array.prototype.every.call(subjects, Number.isInteger);
  if (sorted.length === 0 || !sorted.every(Number.isFinite) || !areSubjects) return null;
  const value = quantileOf(sorted, quantile);
  const sides = [...countedBelow({ values, subjects }, (one) => one <= value).values()];
  const error = Math.sqrt(sides.reduce((sum, { all, below }) => sum + (below - quantile * all) ** 2, 0));
  const reach = Math.ceil(REACH * factor * error) + 2;
  const { below } = placeOf(quantile, sorted.length);
  const low = sorted[Math.max(0, below - reach)] ?? Number.NaN;
  const window = sorted.subarray(
    firstPlace(sorted, (one) => one >= low),
    firstPlace(sorted, (one) => one > (sorted[Math.min(sorted.length - 1, below + 1 + reach)] ?? Number.NaN)),
  );
  const counted = countedBelow({ values, subjects }, (one) => one < low, window);
  const single = [...counted.values()].filter(({ places }) => places.length > 0).sort(inOrder);
  const alike = groupsOf([...counted.values()].filter(({ places }) => places.length === 0));
  return {
    subjects: counted.size,
    leastSide: Math.min(sides.filter((one) => one.below > 0).length, sides.filter((one) => one.below < one.all).length),
    value,
    draw: (random) => drawOf(random, quantile, window, single, alike),
  };
}

function countedBelow(
  { values, subjects }: Observations,
  isBelow: (value: number) => boolean,
  window = new Float64Array(),
): ReadonlyMap<number, Counted> {
  const counted = new Map<number, Counted>();
  const last = window[window.length - 1] ?? Number.NEGATIVE_INFINITY;
  for (let i = 0; i < values.length; i += 1) {
    const [value, subject] = [values[i] ?? Number.NaN, subjects[i] ?? Number.NaN];
    const own = counted.get(subject) ?? { all: 0, below: 0, places: [] };
    if (own.all === 0) counted.set(subject, own);
    own.all += 1;
    if (isBelow(value)) own.below += 1;
    // Equal values have one place, so that the order of the observations does not matter.
    else if (value <= last) own.places.push(firstPlace(window, (one) => one >= value));
  }
  for (const { places } of counted.values()) places.sort((a, b) => a - b);
  return counted;
}

/** The first place whose value, and so every later one, meets the condition. */
function firstPlace(sorted: Float64Array, meets: (value: number) => boolean): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (meets(sorted[middle] ?? Number.NaN)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** An order of subjects by what they have alone: the same data give the same figures, in whichever order they come. */
function inOrder(a: Counted, b: Counted): number {
  const [one, other] = [a, b].map(({ all, below, places }) => [all, below, ...places]);
  const differing = one?.findIndex((number, i) => number !== other?.[i]) ?? -1;
  return differing < 0 ? 0 : (one?.[differing] ?? 0) - (other?.[differing] ?? Number.POSITIVE_INFINITY);
}

function groupsOf(subjects: readonly Counted[]): readonly Group[] {
  const groups = new Map<string, Group>();
  for (const { all, below } of subjects) {
    const key = `${all} ${below}`;
    groups.set(key, { all, below, size: (groups.get(key)?.size ?? 0) + 1 });
  }
  return [...groups.values()].sort((a, b) => a.all - b.all || a.below - b.below);
}

function drawOf(
  random: Random,
  quantile: number,
  window: Float64Array,
  single: readonly Counted[],
  alike: readonly Group[],
): number {
  const weights = new Uint32Array(window.length);
  let [all, below] = [0, 0];
  // A few subjects may all be drawn 0 times; that is no sample.
  while (all === 0) {
    for (const group of alike) {
      const times = poisson(random, group.size);
      all += times * group.all;
      below += times * group.below;
    }
    for (const subject of single) {
      const times = poissonOne(random);
      if (times === 0) continue;
      all += times * subject.all;
      below += times * subject.below;
      for (const place of subject.places) weights[place] = (weights[place] ?? 0) + times;
    }
  }
  const { below: rank, part } = placeOf(quantile, all);
  const low = rank < below ? Number.NaN : valueAt(window, weights, rank - below);
  return part === 0 ? low : between(low, valueAt(window, weights, rank + 1 - below), part);
}

/** The value of a rank in the window, counted from 0, where each place stands as often as its weight says. */
function valueAt(window: Float64Array, weights: Uint32Array, rank: number): number {
  let passed = 0;
  for (let place = 0; place < window.length; place += 1) {
    passed += weights[place] ?? 0;
    if (passed > rank) return window[place] ?? Number.NaN;
  }
  return Number.NaN;
}
