import { context, type Tracer, trace } from "@opentelemetry/api";
import { attempt } from "../checks/diagnostics.ts";
import type { Instance } from "../instance/instance.ts";
import { convert } from "../instance/outcomes.ts";
import { SCOPE_NAME, VERSION } from "../version.ts";
import { Failures } from "./failures.ts";
import type { FlowTelemetry } from "./flow-telemetry.ts";
import type { Interruption } from "./interruption.ts";
import { type Failure, Operation } from "./operation.ts";
import { currentPart, Part } from "./part.ts";
import { type FlowStatus, statusOf } from "./status.ts";

/** What a flow is, for each of its runs. */
export interface FlowPlan {
  readonly instance: Instance;
  readonly telemetry: FlowTelemetry;
  /** The name of the conversion that a success counts as. */
  readonly converts: string | undefined;
}

/** What a function came to. */
export type Ending = { readonly kind: "result" } | { readonly kind: "error"; readonly error: unknown };

/** One run of a flow: begins and ends its parts, and keeps what they have in common. */
export class FlowRun {
  readonly plan: FlowPlan;
  readonly failures: Failures;
  /** The flow itself. */
  readonly part: Part<FlowRun>;
  readonly #tracer: Tracer | undefined;
  /** The steps that run, in the order in which they began. */
  readonly #running: Part[] = [];

  constructor(plan: FlowPlan, interruption: Interruption) {
    const around = currentPart();
    this.plan = plan;
    this.failures = around?.run.failures ?? new Failures();
    this.#tracer = attempt("span", "a flow found no tracer", () => trace.getTracer(SCOPE_NAME, VERSION));
    const operation = new Operation({
      instance: plan.instance,
      tracer: this.#tracer,
      spanName: plan.telemetry.processSpan,
      attributes: {},
      parent: context.active(),
      around: around?.operation,
    });
    this.part = new Part(this, undefined, around, operation, interruption);
  }

  beginStep(name: string, around: Part, interruption: Interruption): Part<FlowRun> {
    const { instance, telemetry } = this.plan;
    const operation = new Operation({
      instance,
      tracer: this.#tracer,
      spanName: telemetry.stepSpan(name),
      attributes: { [telemetry.step]: name },
      parent: around.parentContext(),
      around: around.operation,
    });
    const part = new Part(this, name, around, operation, interruption);
    this.#running.push(part);
    this.#showStep(name);
    return part;
  }

  /** @returns false where the step had ended before */
  endStep(part: Part<FlowRun>, name: string, ending: Ending): boolean {
    const { telemetry } = this.plan;
    if (part.operation.isOver) return false;
    const { status, failure } = this.#judge(part, ending);
    const seconds = part.operation.end({ [telemetry.stepStatus]: status }, failure);
    telemetry.measureStep(part.operation, seconds, name, status);
    this.#leave(part);
    return true;
  }

  end(ending: Ending): void {
    const { instance, telemetry, converts } = this.plan;
    const { operation } = this.part;
    const { status, failure, step } = this.#judge(this.part, ending);
    if (status === "success" && converts !== undefined) {
      attempt("flow", "the conversion of a flow was refused", () =>
        operation.inScope(() => convert(instance, operation.scope, converts, undefined)),
      );
    }
    const blame = step === undefined ? {} : { [telemetry.failureStep]: step };
    const seconds = operation.end({ [telemetry.status]: status, ...blame }, failure);
    telemetry.measureFlow(operation, seconds, status);
  }

  #judge({ name, since, interruption }: Part, ending: Ending): Verdict {
    interruption.release();
    if (ending.kind === "result") return { status: "success", failure: undefined, step: undefined };
    const { error } = ending;
    const { step, isNew } = this.failures.note(error, { flow: this, step: name, since });
    return { status: statusOf(error, interruption.signal), failure: { error, isNew }, step };
  }

  /** The step that began last among those that run. When none runs, the last one stays. */
  #leave(part: Part<FlowRun>): void {
    const place = this.#running.lastIndexOf(part);
    const wasShown = place === this.#running.length - 1;
    this.#running.splice(place, 1);
    const shown = this.#running.at(-1)?.name;
    if (wasShown && shown !== undefined) this.#showStep(shown);
  }

  #showStep(name: string): void {
    this.part.operation.set(this.plan.telemetry.step, name);
  }
}

interface Verdict {
  readonly status: FlowStatus;
  readonly failure: Failure | undefined;
  /** The innermost step that failed. */
  readonly step: string | undefined;
}
