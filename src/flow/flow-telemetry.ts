import {
  type Attributes,
  type Context,
  type Counter,
  type Histogram,
  type Span,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { namesExperiment } from "../assignment/assignment.ts";
import { attempt, warnOnce } from "../checks/diagnostics.ts";
import type { Instance } from "../instance/instance.ts";
import { convert } from "../instance/outcomes.ts";
import { processWide } from "../process-wide.ts";
import type { Attribution } from "../telemetry/meter.ts";
import { SCOPE_NAME, VERSION } from "../version.ts";
import { exceptionOf, type Failure, type FlowStatus } from "./failures.ts";

/** In seconds: a flow may wait for people, a step for another service. The SDK's default bounds are for milliseconds. */
const FLOW_BOUNDARIES = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const STEP_BOUNDARIES = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Distinct names of steps in the measurements and span names of one flow. */
const MAX_STEPS = 32;

/** Replaces a step's name that would add a series. */
export const OTHER_STEP = "other";

/**
 * The spans and measurements of one flow and of its steps. A step is given by its name, the flow itself as undefined.
 * After set-up nothing here throws.
 */
export class FlowTelemetry {
  readonly #instance: Instance;
  readonly #converts: string | undefined;
  readonly #process: string;
  readonly #step: string;
  readonly #stepStatus: string;
  readonly #status: string;
  readonly #failureStep: string;
  readonly #steps: Set<string>;
  readonly #tracer: Tracer | undefined;
  readonly #completed: Counter;
  readonly #duration: Histogram;
  readonly #stepDuration: Histogram;

  constructor(instance: Instance, flow: string, attribution: Attribution, converts: string | undefined) {
    this.#instance = instance;
    this.#converts = converts;
    this.#process = `${flow}.process`;
    this.#step = `${flow}.step`;
    this.#stepStatus = `${flow}.step_status`;
    this.#status = `${flow}.status`;
    this.#failureStep = `${flow}.failure_step`;
    this.#steps = stepNamesOf(instance, flow);
    this.#tracer = attempt("span", "the tracer of a flow could not be found", () =>
      trace.getTracer(SCOPE_NAME, VERSION),
    );
    const meter = instance.meters.get({ name: SCOPE_NAME, version: VERSION, options: undefined }, attribution);
    this.#completed = meter.createCounter(`${flow}.completed`, {
      unit: "{flow}",
      description: `How often the flow ${flow} ended, by its status.`,
    });
    this.#duration = meter.createHistogram(`${flow}.duration`, {
      unit: "s",
      description: `How long the flow ${flow} took.`,
      advice: { explicitBucketBoundaries: FLOW_BOUNDARIES },
    });
    this.#stepDuration = meter.createHistogram(`${flow}.step.duration`, {
      unit: "s",
      description: `How long each step of the flow ${flow} took.`,
      advice: { explicitBucketBoundaries: STEP_BOUNDARIES },
    });
  }

  startSpan(step: string | undefined, parent: Context): Span | undefined {
    try {
      if (step === undefined) return this.#tracer?.startSpan(this.#process, undefined, parent);
      const attributes = { [this.#step]: step };
      return this.#tracer?.startSpan(`${this.#step}.${this.#bounded(step)}`, { attributes }, parent);
    } catch (error) {
      warnOnce("span", "the span of a flow could not be started", error);
      return undefined;
    }
  }

  /** Writes the running step to the flow's span. */
  showStep(process: Span | undefined, step: string): void {
    try {
      if (process?.isRecording() === true) process.setAttribute(this.#step, step);
    } catch (error) {
      warnOnce("span", REFUSED, error);
    }
  }

  /** Ends the span of a step or of the flow, in the current scope. */
  endSpan(span: Span, step: string | undefined, status: FlowStatus, failure: Failure | undefined): void {
    try {
      if (span.isRecording()) {
        const { flat } = this.#instance.current();
        if (flat !== undefined && !hasVariant(span)) span.setAttributes(flat.flatPair);
        span.setAttribute(step === undefined ? this.#status : this.#stepStatus, status);
        if (failure !== undefined) this.#showFailure(span, step, failure);
      }
    } catch (error) {
      warnOnce("span", REFUSED, error);
    }
    try {
      span.end();
    } catch (error) {
      warnOnce("span", "the span of a flow could not be ended", error);
    }
  }

  #showFailure(span: Span, step: string | undefined, { error, blamed, isNew }: Failure): void {
    if (step === undefined && blamed !== undefined) span.setAttribute(this.#failureStep, blamed);
    const exception = exceptionOf(error);
    span.setStatus({ code: SpanStatusCode.ERROR, message: exception.message });
    span.setAttribute("error.type", exception.name);
    if (isNew) span.recordException(exception);
  }

  /** Measures a step or the flow, in the current scope. A flow's success counts as its conversion. */
  measure(step: string | undefined, seconds: number, status: FlowStatus): void {
    if (step === undefined) {
      const attributes = { [this.#status]: status };
      this.#completed.add(1, attributes);
      this.#duration.record(seconds, attributes);
      if (status === "success" && this.#converts !== undefined) this.#convert(this.#converts);
    } else {
      const name = this.#bounded(step);
      this.#stepDuration.record(seconds, { [this.#step]: name, [this.#stepStatus]: status });
    }
  }

  #convert(conversion: string): void {
    const instance = this.#instance;
    attempt("flow", "the conversion of a flow could not be counted", () =>
      convert(instance, instance.current(), conversion, undefined),
    );
  }

  /** The first names count, since names come from code. */
  #bounded(step: string): string {
    if (this.#steps.has(step)) return step;
    if (this.#steps.size >= MAX_STEPS) return OTHER_STEP;
    this.#steps.add(step);
    return step;
  }
}

const REFUSED = "the span of a flow refused an attribute";

/** Whether the span has a variant already, from the user's code or a processor. Only the SDK's spans show attributes. */
function hasVariant(span: Span & { readonly attributes?: Attributes }): boolean {
  return namesExperiment(span.attributes);
}

const stepNames = processWide("step-names.v1", () => new WeakMap<object, Map<string, Set<string>>>());

/** All flows of one name share one bound, so a flow that is made in a handler adds no series. */
function stepNamesOf(instance: Instance, flow: string): Set<string> {
  let flows = stepNames().get(instance);
  if (flows === undefined) stepNames().set(instance, (flows = new Map()));
  let names = flows.get(flow);
  if (names === undefined) flows.set(flow, (names = new Set()));
  return names;
}
