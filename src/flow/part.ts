import { AsyncLocalStorage } from "node:async_hooks";
import { type Context, context, createContextKey } from "@opentelemetry/api";
import { isTracingSuppressed } from "@opentelemetry/core";
import type { Failures } from "./failures.ts";
import type { Interruption } from "./interruption.ts";
import type { Operation } from "./operation.ts";

/** The flow that a part belongs to. */
interface RunningFlow {
  readonly failures: Failures;
}

/** A part of a flow that runs: the flow itself, or one of its steps. */
export class Part<Run extends RunningFlow = RunningFlow> {
  readonly run: Run;
  /** The step's name; undefined for the flow itself. */
  readonly name: string | undefined;
  /** What it is a part of: a part of the same flow, or for a flow itself the step of another one. */
  readonly around: Part | undefined;
  readonly operation: Operation;
  readonly interruption: Interruption;
  /** What the flow's failures call the moment when it began. */
  readonly since: number;
  readonly #context: Context;

  constructor(
    run: Run,
    name: string | undefined,
    around: Part | undefined,
    operation: Operation,
    interruption: Interruption,
  ) {
    this.run = run;
    this.name = name;
    this.around = around;
    this.operation = operation;
    this.interruption = interruption;
    this.since = run.failures.begin();
    this.#context = operation.context.setValue(PART, this);
  }

  /** Runs a function in this part. What it throws at once is a rejection too. */
  call<T>(fn: () => T): Promise<Awaited<T>> {
    // An async function calls then() of any thenable, within this part.
    const settle = async (): Promise<Awaited<T>> => await fn();
    return parts.run(this, () => this.operation.call(this.#context, settle));
  }

  isWithin(other: Part): boolean {
    let part: Part | undefined = this;
    while (part !== undefined && part !== other) part = part.around;
    return part !== undefined;
  }

  /**
   * Where a step belongs that this part's `step` makes: to the innermost step of the flow in whose function it is called.
   * Where async context is lost, to this part.
   */
  innermost(): Part<Run> {
    let part = parts.getStore();
    while (part !== undefined && part.run !== this.run) part = part.around;
    return part?.isWithin(this) === true ? (part as Part<Run>) : this; // why: the loop left only a part of this run
  }

  /** The parent of what begins in this part: the user's own active span within it counts. */
  parentContext(): Context {
    const active = context.active();
    const part = active.getValue(PART);
    const isHere = part instanceof Part && part.isWithin(this);
    return isHere || isTracingSuppressed(active) ? active : this.#context;
  }
}

/** Beside OpenTelemetry's context, which without an SDK there is none of. */
const parts = new AsyncLocalStorage<Part | undefined>();

/** The span that is active may be another request's, where instrumentations bring their own context back. */
const PART = createContextKey("otel-experiments flow part");

/** The part of whichever flow in whose function the code runs. */
export function currentPart(): Part | undefined {
  return parts.getStore();
}
