import { isExperimentName, NAME_RULE } from "../assignment/names.ts";
import { describeValue } from "../checks/describe-value.ts";
import { ExperimentConfigError } from "../checks/errors.ts";
import { checkOptions } from "../checks/option-checks.ts";
import { type ExperimentsHandle, instanceOf } from "../instance/handle.ts";
import type { Instance } from "../instance/instance.ts";
import type { Attribution } from "../telemetry/meter.ts";
import { FlowTelemetry, OTHER_STEP } from "./flow-telemetry.ts";
import { Part } from "./part.ts";

/** The options of a flow. */
export interface FlowOptions {
  /** The conversion that each success counts as, such as `"order_placed"`. Default: none. */
  readonly converts?: string;
  /** `"primary"` (default) measures once, with the flat pair; `"each"` once per unforced assignment. */
  readonly attribution?: Attribution;
}

/** A flow of steps that lead to an outcome, such as a checkout. */
export interface Flow {
  readonly name: string;
  /**
   * Runs a function as this flow.
   *
   * @returns the function's result; rejects with its error
   */
  readonly run: <T>(fn: (step: Step) => T) => Promise<Awaited<T>>;
}

/**
 * Runs a function as a step of a flow. A wrong name rejects with an ExperimentUsageError in strict mode; elsewhere the
 * step is called `other`.
 *
 * @returns the function's result; rejects with its error
 */
export type Step = <T>(name: string, fn: (context: StepContext) => T) => Promise<Awaited<T>>;

/** The argument of a step's function. Other steps may run within the step. */
export interface StepContext {
  /** Runs steps within this step. */
  readonly step: Step;
}

/**
 * A flow of steps with a span, a counter and histograms under its name. It is made once, at set-up, and run any number of
 * times.
 *
 * @throws ExperimentConfigError for a wrong name or option
 */
export function flow(experiments: ExperimentsHandle, name: string, options: FlowOptions = {}): Flow {
  const instance = instanceOf(experiments);
  if (!isFlowName(name)) {
    throw new ExperimentConfigError(
      "ERR_FLOW_NAME",
      `the flow ${describeValue(name)} is not ${FLOW_NAME_RULE}; choose another name, such as "checkout"`,
    );
  }
  const { converts, attribution = "primary" } = checkOptions(`the flow ${name}`, options, ["converts", "attribution"]);
  if (converts !== undefined && !isExperimentName(converts)) {
    throw new ExperimentConfigError("ERR_OPTION_VALUE", `converts is ${describeValue(converts)}; write ${NAME_RULE}`);
  }
  if (attribution !== "primary" && attribution !== "each") {
    throw new ExperimentConfigError(
      "ERR_OPTION_VALUE",
      `attribution is ${describeValue(attribution)}; write "primary" or "each"`,
    );
  }
  const telemetry = new FlowTelemetry(instance, name, attribution, converts);
  return Object.freeze({
    name,
    run<T>(fn: (step: Step) => T, given?: unknown): Promise<Awaited<T>> {
      const part = Part.beginFlow(telemetry);
      return part.run(given === undefined ? fn : refusing(`the flow ${name}`, instance, fn), stepOf(part, instance));
    },
  });
}

/** Gives the function that runs steps within a part. */
function stepOf(part: Part, instance: Instance): Step {
  return function step<T>(name: string, fn: (context: StepContext) => T, options?: unknown): Promise<Awaited<T>> {
    const isName = isExperimentName(name);
    const begun = part.beginStep(isName ? name : OTHER_STEP);
    const context = { step: stepOf(begun, instance) };
    if (isName) return begun.run(options === undefined ? fn : refusing(`the step ${name}`, instance, fn), context);
    return begun.run((given: StepContext) => {
      instance.report("ERR_BAD_NAME", `the step ${describeValue(name)} is not ${NAME_RULE}`);
      return fn(given);
    }, context);
  };
}

/**
 * Wraps a function so that it first reports that options are not accepted here: an option without effect, such as a time
 * limit, must not go unnoticed. In strict mode the wrapped function throws an ExperimentUsageError.
 */
function refusing<Given, T>(what: string, instance: Instance, fn: (given: Given) => T): (given: Given) => T {
  return (given) => {
    const fix = "use AbortSignal.timeout, AbortSignal.any and .catch instead, as docs/flow.md shows";
    instance.report("ERR_UNKNOWN_OPTION", `${what} takes no options when it runs; ${fix}`);
    return fn(given);
  };
}

const FLOW_NAME = /^(?!experiment(?:\.|$))(?!.*\.step$)[a-z][a-z0-9_]{0,31}(?:\.[a-z][a-z0-9_]{0,31})*$/;
const MAX_FLOW_NAME = 64;

/**
 * A flow's name is the beginning of names of attributes and instruments, so its parts have the form of keys. Names under
 * `experiment` are the package's, and `checkout.step.duration` belongs to the steps of `checkout`.
 */
const FLOW_NAME_RULE =
  "a lower-case letter, then up to 31 of a-z, 0-9 and _, or several of these with dots between them, up to 64 in all, that do not begin with experiment and do not end with .step";

function isFlowName(name: unknown): name is string {
  return typeof name === "string" && name.length <= MAX_FLOW_NAME && FLOW_NAME.test(name);
}
