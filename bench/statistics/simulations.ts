import { meanArm, proportionArm, ratioArm } from "../../report/statistics/arm.ts";
import { quantileEffects } from "../../report/statistics/bootstrap.ts";
import type { Observations } from "../../report/statistics/bootstrap-sample.ts";
import { sampleRatio } from "../../report/statistics/chi-square.ts";
import { difference, type Effect, lift } from "../../report/statistics/effect.ts";
import { quantileOf } from "../../report/statistics/quantile.ts";
import { Random } from "../../report/statistics/random.ts";

/** A metric that grows, subject by subject, in one variant. */
interface Growing {
  add(random: Random): void;
  effect(control: Growing): Effect;
}

/** One subject's requests: many or few, quick or slow, and some with an error. */
interface Visit {
  readonly requests: number;
  readonly errors: number;
}

/** The share of subjects that convert. The effect is the absolute difference, or the relative lift. */
export class Conversions implements Growing {
  #converted = 0;
  #subjects = 0;
  readonly #rate: number;
  readonly #compare: typeof difference;

  constructor(rate: number, compare: typeof difference = difference) {
    this.#rate = rate;
    this.#compare = compare;
  }

  add(random: Random): void {
    this.#subjects += 1;
    if (random.unit() < this.#rate) this.#converted += 1;
  }

  effect(control: Conversions): Effect {
    const armOf = (one: Conversions) => proportionArm({ successes: one.#converted, trials: one.#subjects });
    return this.#compare(armOf(control), armOf(this));
  }
}

/** A value per subject that most subjects lack, with a long tail. */
export class Revenue implements Growing {
  #subjects = 0;
  #sum = 0;
  #sumSquares = 0;

  add(random: Random): void {
    this.#subjects += 1;
    const value = random.unit() < 0.2 ? Math.exp(3 + 0.8 * normal(random)) : 0;
    this.#sum += value;
    this.#sumSquares += value * value;
  }

  effect(control: Revenue): Effect {
    const armOf = (one: Revenue) => meanArm(one.#subjects, { sum: one.#sum, sumSquares: one.#sumSquares });
    return lift(armOf(control), armOf(this));
  }
}

/** Errors per request, where a subject's requests fail together. */
export class Errors implements Growing {
  readonly #visits: Visit[] = [];

  add(random: Random): void {
    const requests = 1 + Math.floor(-3 * Math.log(random.unit()));
    const rate = random.unit() < 0.1 ? 0.5 : 0.01;
    const errors = Array.from({ length: requests }, () => random.unit()).filter((one) => one < rate).length;
    this.#visits.push({ requests, errors });
  }

  effect(control: Errors): Effect {
    const total = (one: Errors, what: (visit: Visit) => number) =>
      one.#visits.reduce((sum, visit) => sum + what(visit), 0);
    const armOf = (one: Errors) =>
      ratioArm(one.#visits.length, {
        numerator: { sum: total(one, (visit) => visit.errors), sumSquares: total(one, (visit) => visit.errors ** 2) },
        denominator: {
          sum: total(one, (visit) => visit.requests),
          sumSquares: total(one, (visit) => visit.requests ** 2),
        },
        sumProducts: total(one, (visit) => visit.errors * visit.requests),
      });
    return difference(armOf(control), armOf(this));
  }
}

export interface Looks {
  readonly runs: number;
  readonly looks: number;
  /** Subjects of control between two looks. */
  readonly subjects: number;
  /** Those of the treatment; as many if not given. */
  readonly treated?: number;
  readonly seed: number;
}

/** How often a result excludes 0 at one look at least, though there is no difference. */
export interface FalseAlarms {
  readonly sequence: number;
  readonly fixed: number;
}

/** Experiments without a difference that are looked at again and again: the share of runs with a false alarm. */
export function falseAlarms(
  metric: () => Growing,
  { runs, looks, subjects, treated = subjects, seed }: Looks,
): FalseAlarms {
  const random = new Random(seed);
  let [sequence, fixed] = [0, 0];
  for (let run = 0; run < runs; run += 1) {
    const [control, treatment] = [metric(), metric()];
    let [bySequence, byFixed] = [false, false];
    for (let look = 0; look < looks; look += 1) {
      for (let i = 0; i < subjects; i += 1) control.add(random);
      for (let i = 0; i < treated; i += 1) treatment.add(random);
      const effect = treatment.effect(control);
      bySequence ||= (effect.sequence.p ?? 1) < 0.05;
      byFixed ||= (effect.fixed.p ?? 1) < 0.05;
    }
    if (bySequence) sequence += 1;
    if (byFixed) fixed += 1;
  }
  return { sequence: sequence / runs, fixed: fixed / runs };
}

/** One variant's latencies. */
interface Population {
  readonly subjects: number;
  /** The mean number of requests of a subject. At 1, no subject comes back. */
  readonly requests: number;
  /** By how much every request is slower. */
  readonly factor: number;
}

/** Latencies of subjects with a pace of their own: most quick, some slow. */
function latencies(random: Random, { subjects, requests, factor }: Population): Observations {
  const [values, owners]: [number[], number[]] = [[], []];
  for (let subject = 0; subject < subjects; subject += 1) {
    const pace = factor * Math.exp(0.5 * normal(random));
    const visits = requests === 1 ? 1 : 1 + Math.floor(-(requests - 0.5) * Math.log(random.unit()));
    for (let i = 0; i < visits; i += 1) {
      values.push(pace * Math.exp(0.5 * normal(random)));
      owners.push(subject);
    }
  }
  return { values, subjects: owners };
}

export interface Covering {
  readonly runs: number;
  readonly subjects: number;
  readonly requests: number;
  readonly seed: number;
  readonly replicates?: number;
}

/** How often the interval of a p95 difference holds the true one, and how often its p falls below 0.05 falsely. */
export function coverage({ runs, subjects, requests, seed, replicates = 1000 }: Covering): number {
  const random = new Random(seed);
  const all = Float64Array.from(latencies(random, { subjects: 1_000_000, requests: 1, factor: 1 }).values).sort();
  // A pace does not depend on the number of requests, so the quantile of one request is that of all.
  const truth = 0.1 * quantileOf(all, 0.95);
  let held = 0;
  for (let run = 0; run < runs; run += 1) {
    const control = latencies(random, { subjects, requests, factor: 1 });
    const treatment = latencies(random, { subjects, requests, factor: 1.1 });
    const { fixed } = quantileEffects(control, treatment, { quantile: 0.95, seed: run, replicates }).difference;
    if (fixed.lower !== null && fixed.upper !== null && fixed.lower <= truth && truth <= fixed.upper) held += 1;
  }
  return held / runs;
}

export interface Splitting {
  readonly runs: number;
  readonly subjects: number;
  /** Of the first variant, where one half is meant. */
  readonly share: number;
  readonly seed: number;
}

/** How often a sample ratio is called a mismatch. */
export function mismatches({ runs, subjects, share, seed }: Splitting): number {
  const random = new Random(seed);
  let found = 0;
  for (let run = 0; run < runs; run += 1) {
    let first = 0;
    for (let i = 0; i < subjects; i += 1) if (random.unit() < share) first += 1;
    if (sampleRatio([first, subjects - first], [1, 1]).mismatch === true) found += 1;
  }
  return found / runs;
}

/** A standard normal number. Box, Muller 1958, Annals of Mathematical Statistics 29. */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(random.unit())) * Math.cos(2 * Math.PI * random.unit());
}
