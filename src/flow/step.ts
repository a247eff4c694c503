import { isExperimentName, NAME_RULE } from "../assignment/names.ts";
import { advise } from "../checks/diagnostics.ts";
import { ExperimentUsageError } from "../checks/errors.ts";
import { show } from "../checks/show.ts";
import type { FlowRun } from "./flow-run.ts";
import { Interruption } from "./interruption.ts";
import { OTHER_STEP } from "./names.ts";
import type { Part } from "./part.ts";
import { quiet } from "./quiet.ts";

/** What a step's function is given. */
export interface StepContext {
  /** Aborted when the step's time limit is reached, by the step's own signal, and with what the step is a part of. */
  readonly signal: AbortSignal;
  /** Makes steps of this step. */
  readonly step: Step;
}

/** How a step runs. */
export interface StepOptions {
  /** Its failure is its own: it gives undefined then. Default: false. */
  readonly optional?: boolean;
  /** In milliseconds, positive. Then the step rejects with a `TimeoutError`, whether or not its function listens. */
  readonly timeLimitMs?: number;
  /** Aborts the step. */
  readonly signal?: AbortSignal | undefined;
  /** Runs also in what is aborted, and is not aborted with it: for what cleans up. Default: false. */
  readonly evenIfAborted?: boolean;
}

/**
 * Runs a function as a step of a flow. A name or a time limit that is wrong rejects with an ExperimentUsageError in strict
 * mode; elsewhere the step is called `other`, and has no time limit.
 *
 * @returns what the function gives; rejects with what it throws, with the reason of an abort, or with a `TimeoutError`
 */
export interface Step {
  <T>(
    name: string,
    fn: (context: StepContext) => T,
    options?: StepOptions & { readonly optional?: false },
  ): Promise<Awaited<T>>;
  /** @returns undefined also where the function failed, was aborted or took too long */
  <T>(name: string, fn: (context: StepContext) => T, options: StepOptions): Promise<Awaited<T> | undefined>;
}

/** What makes steps of a part. */
export function stepOf(part: Part<FlowRun>): Step {
  return function step<T>(name: string, fn: (context: StepContext) => T, options?: StepOptions) {
    return runStep(part, name, fn, options ?? {});
  };
}

function runStep<T>(
  bound: Part<FlowRun>,
  name: string,
  fn: (context: StepContext) => T,
  options: StepOptions,
): Promise<Awaited<T> | undefined> {
  const mistake = mistakeIn(name, options.timeLimitMs);
  if (mistake !== undefined) {
    if (bound.run.plan.instance.options.strict) return Promise.reject(mistake);
    advise("flow", mistake.message);
  }
  const result = perform(bound, typeof name === "string" ? name : OTHER_STEP, fn, options);
  return options.optional === true ? result.catch(() => undefined) : result;
}

/** Settles once: with the function, or before it where it is interrupted. What the function comes to then is dropped. */
function perform<T>(
  bound: Part<FlowRun>,
  name: string,
  fn: (context: StepContext) => T,
  { timeLimitMs, signal, evenIfAborted }: StepOptions,
): Promise<Awaited<T>> {
  const { run } = bound;
  const around = bound.innermost();
  const { promise, resolve, reject } = Promise.withResolvers<Awaited<T>>();
  const refuse = (error: unknown): void => {
    if (run.failures.isOurs(error)) quiet(promise);
    reject(error);
  };

  const interruption = new Interruption(evenIfAborted === true ? [signal] : [around.interruption.signal, signal]);
  if (interruption.signal.aborted) {
    interruption.release();
    run.failures.own(interruption.signal.reason);
    refuse(interruption.signal.reason);
    return promise;
  }

  const part = run.beginStep(name, around, interruption);
  const fail = (error: unknown): void => {
    if (run.endStep(part, name, { kind: "error", error })) refuse(error);
  };
  interruption.onInterrupt((reason) => {
    run.failures.own(reason);
    fail(reason);
  });
  if (timeLimitMs !== undefined && timeLimitMs > 0 && timeLimitMs <= MAX_TIMER_MS) {
    interruption.limit(
      timeLimitMs,
      () => new DOMException(`${name} took longer than ${timeLimitMs} ms`, "TimeoutError"),
    );
  }
  part
    .call(() => fn({ signal: interruption.signal, step: stepOf(part) }))
    .then((value) => {
      if (run.endStep(part, name, { kind: "result" })) resolve(value);
    }, fail);
  return promise;
}

/** `setTimeout` takes no more, and fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** A mistake of the programmer. */
function mistakeIn(name: unknown, timeLimitMs: unknown): ExperimentUsageError | undefined {
  if (!isExperimentName(name)) {
    return new ExperimentUsageError("ERR_BAD_NAME", `the step ${show(name)} is not ${NAME_RULE}`);
  }
  if (timeLimitMs === undefined || (typeof timeLimitMs === "number" && timeLimitMs > 0)) return undefined;
  return new ExperimentUsageError(
    "ERR_OPTION_VALUE",
    `timeLimitMs of the step ${name} is ${show(timeLimitMs)}; write milliseconds, more than 0`,
  );
}
