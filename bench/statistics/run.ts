import { lift } from "../../report/statistics/effect.ts";
import { Conversions, coverage, Errors, falseAlarms, mismatches, Revenue } from "./simulations.ts";

/** What is simulated, and what has to come out. */
interface Simulation {
  readonly name: string;
  readonly seed: number;
  readonly share: (seed: number) => number;
  /** The share of runs has to lie between them. */
  readonly from: number;
  readonly to: number;
}

const LOOKS = { runs: 2000, looks: 50, subjects: 100 } as const;
const COVERED = { runs: 2000, subjects: 1000 } as const;
const SPLIT = { runs: 2000, subjects: 20_000 } as const;

const simulations: readonly Simulation[] = [
  {
    name: "a sequence of a rate of 10 % excludes 0 at one of 50 looks",
    seed: 101,
    share: (seed) => falseAlarms(() => new Conversions(0.1), { ...LOOKS, seed }).sequence,
    from: 0,
    to: 0.05,
  },
  {
    name: "that of the lift of a rate of 2 %",
    seed: 102,
    share: (seed) => falseAlarms(() => new Conversions(0.02, lift), { ...LOOKS, seed }).sequence,
    from: 0,
    to: 0.05,
  },
  {
    name: "that of the lift of a value per subject with a long tail",
    seed: 103,
    share: (seed) => falseAlarms(() => new Revenue(), { ...LOOKS, seed }).sequence,
    from: 0,
    to: 0.05,
  },
  {
    name: "that, and one subject in ten gets the treatment",
    seed: 109,
    share: (seed) => falseAlarms(() => new Revenue(), { ...LOOKS, subjects: 180, treated: 20, seed }).sequence,
    from: 0,
    to: 0.05,
  },
  {
    name: "that of errors per request that fail together",
    seed: 104,
    share: (seed) => falseAlarms(() => new Errors(), { ...LOOKS, seed }).sequence,
    from: 0,
    to: 0.05,
  },
  {
    name: "for comparison: an interval for one look, looked at 50 times",
    seed: 101,
    share: (seed) => falseAlarms(() => new Conversions(0.1), { ...LOOKS, seed }).fixed,
    from: 0.05,
    to: 1,
  },
  {
    name: "a 95 % interval of a p95 difference covers it, no subject comes back",
    seed: 105,
    share: (seed) => coverage({ ...COVERED, requests: 1, seed }),
    from: 0.93,
    to: 0.97,
  },
  {
    name: "that, subjects come back: 4 requests on average",
    seed: 106,
    share: (seed) => coverage({ ...COVERED, requests: 4, seed }),
    from: 0.93,
    to: 0.97,
  },
  {
    name: "a ratio of 52:48 of 20,000 subjects is called a mismatch",
    seed: 107,
    share: (seed) => mismatches({ ...SPLIT, share: 0.52, seed }),
    from: 0.97,
    to: 1,
  },
  {
    name: "a ratio of 50:50 is called one",
    seed: 108,
    share: (seed) => mismatches({ ...SPLIT, share: 0.5, seed }),
    from: 0,
    to: 0.003,
  },
];

/** Simulates what the report's statistics promise, 2,000 runs each. Exits with 1 if a share misses its bounds. */
export function simulateStatistics(): void {
  let missed = 0;
  for (const { name, seed, share, from, to } of simulations) {
    const actual = share(seed);
    const holds = from <= actual && actual <= to;
    if (!holds) missed += 1;
    const bounds = `${percent(from)} to ${percent(to)}`;
    console.log(
      `${name.padEnd(74)} seed ${seed} ${percent(actual).padStart(8)}   ${bounds.padEnd(16)} ${holds ? "ok" : "MISSED"}`,
    );
  }
  console.log(`\n${simulations.length - missed} passed, ${missed} failed`);
  process.exitCode = missed > 0 ? 1 : 0;
}

function percent(share: number): string {
  return `${Number((100 * share).toFixed(2))} %`;
}
