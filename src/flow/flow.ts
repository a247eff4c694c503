import { isExperimentName, NAME_RULE } from "../assignment/names.ts";
import { ExperimentConfigError } from "../checks/errors.ts";
import { show } from "../checks/show.ts";
import { type ExperimentsHandle, instanceOf } from "../instance/handle.ts";
import type { Attribution } from "../telemetry/meter.ts";
import { type FlowPlan, FlowRun } from "./flow-run.ts";
import { FlowTelemetry } from "./flow-telemetry.ts";
import { Interruption } from "./interruption.ts";
import { FLOW_NAME_RULE, isFlowName } from "./names.ts";
import { quiet } from "./quiet.ts";
import { type Step, stepOf } from "./step.ts";

/** How a flow is made. */
export interface FlowOptions {
  /** The conversion that each success counts as, such as `"order_placed"`. Default: none. */
  readonly converts?: string;
  /** `"primary"` (default) measures once, with the flat pair; `"each"` once per unforced assignment. */
  readonly attribution?: Attribution;
}

/** How a flow runs this time. */
export interface RunOptions {
  /** Aborts the flow: the steps that run, and those that would begin. */
  readonly signal?: AbortSignal | undefined;
}

/** Steps that lead to an outcome, such as a checkout. */
export interface Flow {
  readonly name: string;
  /**
   * Runs a function as this flow.
   *
   * @returns what the function gives; rejects with what it throws
   */
  readonly run: <T>(fn: (step: Step) => T, options?: RunOptions) => Promise<Awaited<T>>;
}

/**
 * A flow of steps with a span, counter and histograms under its name. Made once, at set-up; each `run` stands for itself.
 *
 * @throws ExperimentConfigError for a name or an option that is wrong; nothing throws after that, unless `strict`
 */
export function flow(experiments: ExperimentsHandle, name: string, options: FlowOptions = {}): Flow {
  const instance = instanceOf(experiments);
  if (!isFlowName(name)) {
    throw new ExperimentConfigError(
      "ERR_FLOW_NAME",
      `the flow ${show(name)} is not ${FLOW_NAME_RULE}; choose another name, such as "checkout"`,
    );
  }
  const { converts, attribution } = compileFlowOptions(name, options);
  const plan: FlowPlan = { instance, telemetry: new FlowTelemetry(instance, name, attribution), converts };
  return Object.freeze({ name, run: (fn, runOptions) => run(plan, fn, runOptions ?? {}) } satisfies Flow);
}

function run<T>(plan: FlowPlan, fn: (step: Step) => T, { signal }: RunOptions): Promise<Awaited<T>> {
  const flowRun = new FlowRun(plan, new Interruption([signal]));
  const { part, failures } = flowRun;
  const { promise, resolve, reject } = Promise.withResolvers<Awaited<T>>();
  part
    .call(() => fn(stepOf(part)))
    .then(
      (value) => {
        flowRun.end({ kind: "result" });
        resolve(value);
      },
      (error: unknown) => {
        flowRun.end({ kind: "error", error });
        if (failures.isOurs(error)) quiet(promise);
        reject(error);
      },
    );
  return promise;
}

interface CompiledFlowOptions {
  readonly converts: string | undefined;
  readonly attribution: Attribution;
}

function compileFlowOptions(name: string, options: unknown): CompiledFlowOptions {
  if (typeof options !== "object" || options === null) {
    throw new ExperimentConfigError(
      "ERR_OPTIONS",
      `the options of the flow ${name} are ${show(options)}; write { converts: "order_placed" }`,
    );
  }
  const { converts, attribution = "primary", ...others }: { converts?: unknown; attribution?: unknown } = options;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) {
    throw new ExperimentConfigError(
      "ERR_UNKNOWN_OPTION",
      `the option ${show(unknown)} of a flow is unknown; there are converts and attribution`,
    );
  }
  if (converts !== undefined && !isExperimentName(converts)) {
    throw new ExperimentConfigError("ERR_OPTION_VALUE", `converts is ${show(converts)}; write ${NAME_RULE}`);
  }
  if (attribution !== "primary" && attribution !== "each") {
    throw new ExperimentConfigError(
      "ERR_OPTION_VALUE",
      `attribution is ${show(attribution)}; write "primary" or "each"`,
    );
  }
  return { converts, attribution };
}
