import { type BootstrapSample, bootstrapSample, type Observations } from "./bootstrap-sample.ts";
import { confidenceSequence, effectiveSubjects, type Tested, TUNING } from "./confidence-sequence.ts";
import type { Effect, EffectOptions } from "./effect.ts";
import { type Figure, figure, interval, isShare, LEVEL, UNKNOWN } from "./figures.ts";
import { quantileOf } from "./quantile.ts";
import { Random } from "./random.ts";

/** What is asked of a quantile. */
export interface QuantileOptions extends EffectOptions {
  /** Such as 0.95. */
  readonly quantile: number;
  /** How many samples are drawn; 1,000 if not given, and at least 100. */
  readonly replicates?: number;
  /** A whole number; 1 if not given. */
  readonly seed?: number;
}

/** A quantile in two variants, in the unit of the values, and how they differ. */
export interface QuantileEffects {
  readonly control: Figure;
  readonly treatment: Figure;
  readonly difference: Effect;
  readonly lift: Effect;
}

/** With fewer subjects on one side of the quantile, resampling does not show how far off it may be. */
const LEAST_SUBJECTS = 10;

/**
 * Compares a quantile of all values, such as the p95 of latency over all requests, by a Poisson bootstrap that draws
 * subjects with all their values. The interval for one look lies between the quantiles of the drawn differences, and
 * its p is twice the share of them on the far side of 0, at least 2 / (replicates + 1). The sequence has the standard
 * error of the drawn differences. There are estimates alone if a variant has fewer than ten subjects with values above
 * the quantile, or at it and below, or if the drawn differences are all the same; and no lift if control is not above 0.
 *
 * @see Chamandy, Muralidharan, Najmi, Naidu 2012, "Estimating uncertainty for massive data streams", Google
 * @see Efron, Tibshirani 1993, "An Introduction to the Bootstrap", 13.3
 */
export function quantileEffects(
  control: Observations,
  treatment: Observations,
  { quantile, level = LEVEL, tuning = TUNING, replicates = 1000, seed = 1 }: QuantileOptions,
): QuantileEffects {
  const samples = isShare(quantile) ? [control, treatment].map((one) => bootstrapSample(one, quantile)) : [];
  const [a = null, b = null] = samples;
  const isEnough = a !== null && b !== null && Math.min(a.leastSide, b.leastSide) >= LEAST_SUBJECTS;
  const canDraw = isEnough && Number.isInteger(replicates) && replicates >= 100 && Number.isInteger(seed);
  const [drawnA, drawnB] = canDraw
    ? [drawn(control, quantile, a, replicates, 2 * seed), drawn(treatment, quantile, b, replicates, 2 * seed + 1)]
    : [[], []];
  const [inA, inB] = [a?.subjects ?? 0, b?.subjects ?? 0];
  const counted = { subjects: inA + inB, effectiveSubjects: effectiveSubjects(inA, inB) };
  const [valueA, valueB] = [a?.value ?? Number.NaN, b?.value ?? Number.NaN];
  const effect = (compare: (one: number, other: number) => number): Effect => {
    const differences = Float64Array.from(drawnA, (one, i) => compare(one, drawnB[i] ?? Number.NaN)).sort();
    return effectOf(compare(valueA, valueB), differences, counted, { level, tuning });
  };
  return {
    control: figure(valueA),
    treatment: figure(valueB),
    difference: effect((one, other) => other - one),
    lift: effect((one, other) => (one > 0 ? (other - one) / one : Number.NaN)),
  };
}

/** The quantile in each of the samples drawn. If one lies outside the window, all are drawn anew from a wider one. */
function drawn(
  observations: Observations,
  quantile: number,
  first: BootstrapSample,
  replicates: number,
  seed: number,
): readonly number[] {
  let sample: BootstrapSample | null = first;
  for (let factor = 2; sample !== null; factor *= 2) {
    const random = new Random(seed);
    const values: number[] = [];
    while (values.length < replicates && !Number.isNaN(values.at(-1))) values.push(sample.draw(random));
    if (!Number.isNaN(values.at(-1))) return values;
    sample = bootstrapSample(observations, quantile, factor);
  }
  return [];
}

function effectOf(
  estimate: number,
  differences: Float64Array,
  counted: Pick<Effect, "subjects" | "effectiveSubjects">,
  options: { readonly level: number; readonly tuning: number },
): Effect {
  const n = differences.length;
  const mean = differences.reduce((sum, one) => sum + one, 0) / n;
  const squares = differences.reduce((sum, one) => sum + (one - mean) ** 2, 0);
  const error = Math.sqrt(squares / (n - 1));
  const known = { estimate: figure(estimate), standardError: error > 0 ? figure(error) : null, ...counted };
  return {
    ...known,
    degreesOfFreedom: null,
    fixed: known.standardError === null ? { ...UNKNOWN, p: null } : percentiles(differences, options.level),
    sequence: confidenceSequence(known, options),
  };
}

function percentiles(sorted: Float64Array, level: number): Tested {
  if (!isShare(level)) return { ...UNKNOWN, p: null };
  const notAbove = sorted.filter((one) => one <= 0).length;
  const notBelow = sorted.filter((one) => one >= 0).length;
  return {
    ...interval(quantileOf(sorted, (1 - level) / 2), quantileOf(sorted, (1 + level) / 2)),
    p: Math.min(1, (2 * (Math.min(notAbove, notBelow) + 1)) / (sorted.length + 1)),
  };
}
