import { isExperimentName } from "../assignment/names.ts";

const FLOW_NAME = /^(?!experiment(?:\.|$))(?!.*\.step$)[a-z][a-z0-9_]{0,31}(?:\.[a-z][a-z0-9_]{0,31})*$/;
const MAX_FLOW_NAME = 64;

/**
 * Its parts have the form of keys, so that attributes and instruments may begin with it. Those under `experiment` are
 * ours, and `checkout.step.duration` is measured of the steps of `checkout`.
 */
export const FLOW_NAME_RULE =
  "a lower-case letter, then up to 31 of a-z, 0-9 and _, or several of these with dots between them, up to 64 in all, that do not begin with experiment and do not end with .step";

export function isFlowName(name: unknown): name is string {
  return typeof name === "string" && name.length <= MAX_FLOW_NAME && FLOW_NAME.test(name);
}

/** Distinct names of steps that measurements of one flow know. */
const MAX_STEPS = 32;

/** What stands in place of a step's name that would add a series. */
export const OTHER_STEP = "other";

/** The names of a flow's steps as measurements and names of spans may have them. They come from code: the first ones stay. */
export class StepNames {
  readonly #known = new Set<string>();

  bounded(name: string): string {
    if (this.#known.has(name)) return name;
    if (this.#known.size >= MAX_STEPS || !isExperimentName(name)) return OTHER_STEP;
    this.#known.add(name);
    return name;
  }
}
