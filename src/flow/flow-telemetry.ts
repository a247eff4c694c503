import type { Counter, Histogram } from "@opentelemetry/api";
import type { Instance } from "../instance/instance.ts";
import type { Attribution } from "../telemetry/meter.ts";
import { SCOPE_NAME, VERSION } from "../version.ts";
import { StepNames } from "./names.ts";
import type { Operation } from "./operation.ts";
import type { FlowStatus } from "./status.ts";

/** In seconds: a flow may wait for people and for banks, a step for another service. The SDK's bounds are for milliseconds. */
const FLOW_BOUNDARIES = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const STEP_BOUNDARIES = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** The names of one flow's spans and attributes, and its instruments. */
export class FlowTelemetry {
  readonly processSpan: string;
  readonly step: string;
  readonly stepStatus: string;
  readonly status: string;
  readonly failureStep: string;
  readonly steps: StepNames;
  readonly #completed: Counter;
  readonly #duration: Histogram;
  readonly #stepDuration: Histogram;

  constructor(instance: Instance, flow: string, attribution: Attribution) {
    this.processSpan = `${flow}.process`;
    this.step = `${flow}.step`;
    this.stepStatus = `${flow}.step_status`;
    this.status = `${flow}.status`;
    this.failureStep = `${flow}.failure_step`;
    this.steps = stepNamesOf(instance, flow);
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

  stepSpan(name: string): string {
    return `${this.step}.${this.steps.bounded(name)}`;
  }

  measureFlow(operation: Operation, seconds: number, status: FlowStatus): void {
    operation.inScope(() => {
      this.#completed.add(1, { [this.status]: status });
      this.#duration.record(seconds, { [this.status]: status });
    });
  }

  measureStep(operation: Operation, seconds: number, name: string, status: FlowStatus): void {
    const attributes = { [this.step]: this.steps.bounded(name), [this.stepStatus]: status };
    operation.inScope(() => this.#stepDuration.record(seconds, attributes));
  }
}

const stepNames = new WeakMap<Instance, Map<string, StepNames>>();

/** A flow that is made twice has the bounds of one. */
function stepNamesOf(instance: Instance, flow: string): StepNames {
  let flows = stepNames.get(instance);
  if (flows === undefined) stepNames.set(instance, (flows = new Map()));
  let names = flows.get(flow);
  if (names === undefined) flows.set(flow, (names = new StepNames()));
  return names;
}
