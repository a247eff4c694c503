import { studentTail } from "./distributions.ts";
import type { Effect } from "./effect.ts";
import { type Figure, figure, type Interval } from "./figures.ts";

/**
 * `holds`: the whole interval is within what is tolerated. `broken`: none of it is. `open`: part of it is, so more
 * subjects are needed.
 */
type GuardrailState = "holds" | "broken" | "open";

/** What a guardrail tolerates. */
export interface Tolerance {
  /** How much worse the metric may get, in the effect's unit: 0.05 of a lift is 5 %. At least 0. */
  readonly tolerate: number;
  /** In which direction the metric gets worse: latency `higher`, conversion `lower`. */
  readonly worse: "higher" | "lower";
}

/** A guardrail's test, for one look and for any number of them. A state is null if the interval is not known. */
export interface NonInferiority {
  /** One-sided, of "it is worse by what is tolerated, or by more", for one look. */
  readonly p: Figure;
  readonly fixed: GuardrailState | null;
  readonly sequence: GuardrailState | null;
}

/**
 * Tests that a metric did not get worse by more than is tolerated. The states compare the two-sided intervals with the
 * margin; at a level of 0.95 this is a one-sided test at 0.025.
 *
 * @see EMA 2000, CPMP/EWP/482/99, "Points to consider on switching between superiority and non-inferiority"
 */
export function nonInferiority(effect: Effect, { tolerate, worse }: Tolerance): NonInferiority {
  if (!(tolerate >= 0) || tolerate === Number.POSITIVE_INFINITY) return { p: null, fixed: null, sequence: null };
  const sign = worse === "higher" ? 1 : -1;
  const { estimate, standardError } = effect;
  const isKnown = estimate !== null && standardError !== null && effect.fixed.lower !== null;
  const distance = isKnown ? (tolerate - sign * estimate) / standardError : Number.NaN;
  return {
    p: figure(studentTail(distance, effect.degreesOfFreedom ?? Number.POSITIVE_INFINITY)),
    fixed: stateOf(effect.fixed, sign, tolerate),
    sequence: stateOf(effect.sequence, sign, tolerate),
  };
}

function stateOf({ lower, upper }: Interval, sign: 1 | -1, tolerate: number): GuardrailState | null {
  if (lower === null || upper === null) return null;
  const [best, worst] = sign === 1 ? [lower, upper] : [-upper, -lower];
  if (worst < tolerate) return "holds";
  return best > tolerate ? "broken" : "open";
}
