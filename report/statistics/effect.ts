import type { Arm } from "./arm.ts";
import {
  confidenceSequence,
  type Estimate,
  effectiveSubjects,
  type SequenceOptions,
  type Tested,
  TUNING,
} from "./confidence-sequence.ts";
import { studentQuantile, studentTwoTails } from "./distributions.ts";
import { type Figure, figure, interval, isShare, LEVEL, UNKNOWN } from "./figures.ts";

/** How a treatment differs from control. A lift is relative: 0.05 is 5 % more. */
export interface Effect extends Estimate {
  /** Infinite degrees are null. */
  readonly degreesOfFreedom: Figure;
  /** For one look at a time that was fixed before. */
  readonly fixed: Tested;
  /** For any number of looks: the default. */
  readonly sequence: Tested;
}

export type EffectOptions = Partial<SequenceOptions>;

/**
 * The difference treatment - control, in the metric's unit. The interval for one look is Welch's, with the degrees of
 * freedom of Welch and Satterthwaite. If an arm shows no variance, it is not known how far off its value may be, and
 * there is an estimate alone.
 *
 * @see Welch 1947, "The generalization of Student's problem when several different population variances are involved",
 * Biometrika 34
 */
export function difference(control: Arm, treatment: Arm, options: EffectOptions = {}): Effect {
  const variance = control.variance / control.subjects + treatment.variance / treatment.subjects;
  return effectOf(control, treatment, treatment.value - control.value, variance, options);
}

/** How many of its standard errors control's value is above 0 before a lift has a sequence. */
const LEAST_DISTANCE = 5;

/**
 * The relative lift (treatment - control) / control, with its variance by the delta method and Welch's degrees of
 * freedom. It is null if control's value is not above 0.
 *
 * While control's value is small beside its error, the delta method finds differences too easily for somebody who looks
 * again and again. So there is no sequence while control's value is less than five of its standard errors above 0 (25
 * conversions of many subjects), and a sequence holds 0 wherever that of the difference does.
 *
 * @see Deng, Knoblich, Lu 2018, "Applying the delta method in metric analytics", KDD, 3.1; GrowthBook's `TwoSidedTTest`
 */
export function lift(control: Arm, treatment: Arm, options: EffectOptions = {}): Effect {
  const ratio = control.value > 0 ? treatment.value / control.value : Number.NaN;
  const variances = treatment.variance / treatment.subjects + (ratio * ratio * control.variance) / control.subjects;
  const estimate = (treatment.value - control.value) / (control.value > 0 ? control.value : Number.NaN);
  const effect = effectOf(control, treatment, estimate, variances / control.value / control.value, options);
  const distance = control.value / Math.sqrt(control.variance / control.subjects);
  const own = distance >= LEAST_DISTANCE ? effect.sequence : { ...UNKNOWN, p: null };
  return { ...effect, sequence: noSurer(own, difference(control, treatment, options).sequence) };
}

/** A sequence that holds 0 if another one does. */
function noSurer(own: Tested, other: Tested): Tested {
  if (own.lower === null || own.upper === null || own.p === null || other.p === null) return { ...UNKNOWN, p: null };
  const p = Math.max(own.p, other.p);
  const isOpen = other.lower !== null && other.upper !== null && other.lower <= 0 && other.upper >= 0;
  return isOpen ? { lower: Math.min(0, own.lower), upper: Math.max(0, own.upper), p } : { ...own, p };
}

function effectOf(
  control: Arm,
  treatment: Arm,
  estimate: number,
  variance: number,
  { level = LEVEL, tuning = TUNING }: EffectOptions,
): Effect {
  const subjects = control.subjects + treatment.subjects;
  const standardError =
    variance > 0 && control.variance > 0 && treatment.variance > 0 ? figure(Math.sqrt(variance)) : null;
  const degrees = standardError === null ? Number.NaN : welchDegrees(control, treatment);
  const effective = effectiveSubjects(control.subjects, treatment.subjects);
  const known = { estimate: figure(estimate), standardError, subjects, effectiveSubjects: effective };
  return {
    ...known,
    degreesOfFreedom: figure(degrees),
    fixed: fixedTest(known, degrees, level),
    sequence: confidenceSequence(known, { level, tuning }),
  };
}

/** Student's interval and two-sided p for one look. With infinite degrees they are the normal distribution's. */
function fixedTest({ estimate, standardError }: Estimate, degrees: number, level: number): Tested {
  if (estimate === null || standardError === null || !isShare(level)) return { ...UNKNOWN, p: null };
  const width = studentQuantile((1 + level) / 2, degrees) * standardError;
  const p = figure(studentTwoTails(estimate / standardError, degrees));
  return { ...interval(estimate - width, estimate + width), p };
}

/** By parts of the whole, so that no square is too small for a double. NaN if an arm has one subject. */
function welchDegrees(control: Arm, treatment: Arm): number {
  const [a, b] = [control.variance / control.subjects, treatment.variance / treatment.subjects];
  const part = (own: number, { subjects }: Arm): number => (own / (a + b)) ** 2 / (subjects - 1);
  const degrees = 1 / (part(a, control) + part(b, treatment));
  return degrees > 0 ? degrees : Number.NaN;
}
