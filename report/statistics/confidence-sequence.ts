import { type Figure, figure, type Interval, interval, isShare, UNKNOWN } from "./figures.ts";

/**
 * The number of subjects at which the sequence is narrowest where no other is asked for. GrowthBook has the same
 * default.
 */
export const TUNING = 5000;

/** An estimate that is normal in large samples. */
export interface Estimate {
  readonly estimate: Figure;
  /** More than 0, or null. */
  readonly standardError: Figure;
  /** Of all arms. */
  readonly subjects: number;
  /** By {@link effectiveSubjects}. */
  readonly effectiveSubjects: number;
}

/** With fewer effective subjects, an estimate is not near enough to normal to be looked at again and again. */
const LEAST_SUBJECTS = 100;

/** An arm with a smaller part of all subjects than one of so many counts for fewer. */
const PARTS = 3;

/**
 * The time of a sequence: all subjects, but at most three times those of the smaller arm. What a thousand subjects of
 * control say of a difference from ten of a treatment is what those ten say, and the estimate is normal only when there
 * are enough of them. As long as the arms keep their shares, it grows in proportion to the number of all subjects.
 */
export function effectiveSubjects(control: number, treatment: number): number {
  return Math.min(control + treatment, PARTS * control, PARTS * treatment);
}

/** An interval, and the p-value of "there is no difference" that goes with it: below 1 - level if it excludes 0. */
export interface Tested extends Interval {
  readonly p: Figure;
}

/** The confidence of a sequence, and the number of subjects at which it is narrowest. */
export interface SequenceOptions {
  readonly level: number;
  readonly tuning: number;
}

/**
 * An asymptotic confidence sequence: with probability `level`, all of its intervals together hold the truth, however
 * often one looks and whenever one stops. Its p-value is always valid in the same sense. It is wider than an interval
 * for one look at a fixed time. It is asymptotic, so there is none for fewer than 100 effective subjects.
 *
 * @see Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas 2021, "Time-uniform central limit theory and asymptotic confidence
 * sequences", arXiv 2103.06476, theorem 2.2 and appendix B.2
 */
export function confidenceSequence(
  { estimate, standardError, effectiveSubjects: subjects }: Estimate,
  options: SequenceOptions,
): Tested {
  if (estimate === null || standardError === null || !(standardError > 0)) return { ...UNKNOWN, p: null };
  if (!(subjects >= LEAST_SUBJECTS)) return { ...UNKNOWN, p: null };
  const width = standardError * criticalValue(subjects, options);
  const spread = spreadOf(subjects, options);
  const exponent = Math.log1p(spread) / 2 - ((spread / (spread + 1)) * (estimate / standardError) ** 2) / 2;
  return { ...interval(estimate - width, estimate + width), p: figure(Math.exp(Math.min(0, exponent))) };
}

/** How many standard errors the sequence reaches to each side when it has so many subjects. NaN for bad options. */
export function criticalValue(subjects: number, options: SequenceOptions): number {
  const spread = spreadOf(subjects, options);
  return Math.sqrt((2 * (spread + 1) * (Math.log1p(spread) / 2 - Math.log(1 - options.level))) / spread);
}

/** n ρ²: the subjects, in units of the time at which the mixture of the sequence is widest. */
function spreadOf(subjects: number, { level, tuning }: SequenceOptions): number {
  if (!isShare(level) || !(tuning > 0) || !(subjects > 0)) return Number.NaN;
  const twice = -2 * Math.log(1 - level);
  return (subjects / tuning) * (twice + Math.log1p(twice));
}
