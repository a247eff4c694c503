import { type Arm, meanArm, proportionArm } from "../statistics/arm.ts";
import { homogeneity, sampleRatio } from "../statistics/chi-square.ts";
import { binomialQuantile, normalQuantile, studentQuantile } from "../statistics/distributions.ts";
import { difference, type Effect, lift } from "../statistics/effect.ts";
import { figure } from "../statistics/figures.ts";
import { holm } from "../statistics/holm.ts";
import { subjectsPerArm } from "../statistics/power.ts";
import { newcombe, type Proportion, ratioOfProportions, twoProportions, wilson } from "../statistics/proportions.ts";
import { type Input, InputError } from "./input.ts";

/** What is printed for a row. */
export interface Figures {
  readonly [name: string]: number | boolean | null | readonly (number | null)[];
}

/** A kind of test, by the text that names it in a row. */
interface OracleTest {
  /** With `<name>` in the place of each number. */
  readonly name: string;
  readonly figures: (input: Input, parameters: Parameters) => Figures;
}

interface Parameters {
  readonly [name: string]: number;
}

/** Which tests there are, each with what it computes. A and B of a lift are control and treatment. */
const tests: readonly OracleTest[] = [
  {
    name: "Wilson score interval, <level>%",
    figures: (input, { level }) => ({ ...wilson(proportion(input), percent(level)) }),
  },
  {
    name: "difference of two proportions, Newcombe hybrid score interval, <level>%",
    figures: (input, { level }) => ({ ...newcombe(proportion(input, "A"), proportion(input, "B"), percent(level)) }),
  },
  {
    name: "ratio of two proportions, log interval, <level>%",
    figures: (input, { level }) => ({
      ...ratioOfProportions(proportion(input, "A"), proportion(input, "B"), percent(level)),
    }),
  },
  {
    name: "two proportions, pooled, no continuity correction",
    figures(input) {
      const { lower, upper, ...others } = twoProportions(proportion(input, "A"), proportion(input, "B"));
      return { ...others, differenceLower: lower, differenceUpper: upper };
    },
  },
  {
    name: "two proportions: unpooled interval, pooled p",
    figures: (input) => ({ ...twoProportions(proportion(input, "B"), proportion(input, "A")) }),
  },
  {
    name: "k proportions homogeneity",
    figures(input) {
      const [successes, trials] = [input.numbers("successes"), input.numbers("trials")];
      if (successes.length !== trials.length) throw new InputError("successes and trials have different lengths");
      return { ...homogeneity(successes.map((one, i) => ({ successes: one, trials: trials[i] ?? Number.NaN }))) };
    },
  },
  {
    name: "sample ratio mismatch, chi-square",
    figures(input) {
      const [counts, weights] = [input.numbers("counts"), input.numbers("weights")];
      if (counts.length !== weights.length) throw new InputError("counts and weights have different lengths");
      return { ...sampleRatio(counts, weights) };
    },
  },
  {
    name: "difference of means, Welch",
    figures: (input) => fixed("difference", difference(mean(input, "control"), mean(input, "treatment"))),
  },
  {
    name: "difference of means, relative lift by the delta method, Welch",
    figures: (input) => fixed("lift", lift(mean(input, "control"), mean(input, "treatment"))),
  },
  {
    name: "two proportions, relative lift by the delta method",
    figures: (input) => fixed("lift", lift(rate(input, "A"), rate(input, "B"))),
  },
  {
    name: "asymptotic confidence sequence, relative lift of proportions, tuning <tuning>",
    figures: (input, { tuning = Number.NaN }) => sequence(lift(rate(input, "A"), rate(input, "B"), { tuning })),
  },
  {
    name: "asymptotic confidence sequence, relative lift of means, tuning <tuning>",
    figures: (input, { tuning = Number.NaN }) =>
      sequence(lift(mean(input, "control"), mean(input, "treatment"), { tuning })),
  },
  { name: "Holm adjusted p-values", figures: (input) => ({ adjusted: holm(input.numbers("p")) }) },
  {
    name: "two proportions, sample size per arm for power <power>, alpha <alpha>",
    figures: (input, { power = Number.NaN, alpha = Number.NaN }) => ({
      n: subjectsPerArm({ p1: input.number("p1"), p2: input.number("p2"), power, alpha }),
    }),
  },
  { name: "normal quantile", figures: (input) => ({ x: figure(normalQuantile(input.number("p"))) }) },
  {
    name: "Student t quantile",
    figures: (input) => ({ x: figure(studentQuantile(input.number("p"), input.number("df"))) }),
  },
  {
    name: "binomial quantiles <from>% and <to>%",
    figures(input, { from, to }) {
      const quantile = (p: number) => figure(binomialQuantile(p, input.number("n"), input.number("p")));
      return { lower: quantile(percent(from)), upper: quantile(percent(to)) };
    },
  },
];

/** The names of all tests. */
export const testNames: readonly string[] = tests.map(({ name }) => name);

const compiled = tests.map((test) => ({ ...test, pattern: patternOf(test.name) }));

/** `<level>` stands for a number, and every other character for itself. */
function patternOf(name: string): RegExp {
  const literal = name.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${literal.replaceAll(/<(\w+)>/g, "(?<$1>\\d+(?:\\.\\d+)?)")}$`);
}

/**
 * The figures of a test for an input.
 *
 * @throws InputError if there is no such test, or if the input does not have its fields
 */
export function figuresOf(name: string, input: Input): Figures {
  for (const { pattern, figures } of compiled) {
    const found = pattern.exec(name);
    if (found === null) continue;
    const parameters = Object.entries(found.groups ?? {}).map(([key, text]) => [key, Number(text)] as const);
    return figures(input, Object.fromEntries(parameters));
  }
  throw new InputError(`there is no test ${JSON.stringify(name)}; --help lists all`);
}

/** 95 is 0.95. */
function percent(value: number | undefined): number {
  return (value ?? Number.NaN) / 100;
}

function proportion(input: Input, arm: "A" | "B" | "" = ""): Proportion {
  return { successes: input.number(`successes${arm}`), trials: input.number(`trials${arm}`) };
}

function rate(input: Input, arm: "A" | "B"): Arm {
  return proportionArm(proportion(input, arm));
}

function mean(input: Input, arm: "control" | "treatment"): Arm {
  const sums = input.input(arm);
  return meanArm(sums.number("n"), { sum: sums.number("sum"), sumSquares: sums.number("sumSquares") });
}

function fixed(name: "difference" | "lift", effect: Effect): Figures {
  const { estimate, standardError, degreesOfFreedom } = effect;
  return { [name]: estimate, standardError, degreesOfFreedom, ...effect.fixed };
}

function sequence({ estimate, standardError, sequence: tested }: Effect): Figures {
  return { lift: estimate, standardError, ...tested };
}
