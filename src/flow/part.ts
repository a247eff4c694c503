import { type Context, context, createContextKey, type Span, trace } from "@opentelemetry/api";
import { scopeStorage } from "../scope/current.ts";
import { contextShowing, latestScope } from "../scope/finding.ts";
import type { RequestScope } from "../scope/request-scope.ts";
import { type Failure, Failures, type FlowStatus, statusOf } from "./failures.ts";
import type { FlowTelemetry } from "./flow-telemetry.ts";

/** One run of a flow. Its parts share it. */
interface Run {
  readonly telemetry: FlowTelemetry;
  readonly failures: Failures;
  /** The names of the steps that run, in the order in which they began. */
  readonly running: string[];
  /** The flow's own span, once it has begun. */
  process: Span | undefined;
}

/** The key of OpenTelemetry's context for the part in whose function the code runs. */
const PART = createContextKey("otel-experiments flow part");

/**
 * A running part of a flow: the flow itself, or a step. It has the scope in which it began, and a span, which is active
 * while its function runs. It runs its function once, and then ends.
 */
export class Part {
  readonly #run: Run;
  /** The step's name; undefined for the flow itself. */
  readonly #step: string | undefined;
  /** The latest scope of the code that began it, of any instance. */
  readonly #scopes: RequestScope | undefined;
  readonly #span: Span | undefined;
  /** The context with the span and this part. */
  readonly #context: Context;
  readonly #since: number;
  readonly #startedAt: number = performance.now();

  /** Begins a run of a flow. */
  static beginFlow(telemetry: FlowTelemetry): Part {
    const active = context.active();
    const around = partOf(active);
    const failures = around === undefined ? new Failures() : around.#run.failures;
    const run: Run = { telemetry, failures, running: [], process: undefined };
    const flow = new Part(run, undefined, around, active);
    run.process = flow.#span;
    return flow;
  }

  /**
   * Begins a step within the part in whose function the code runs, by the active context. If that context has no part of
   * this flow, because it is lost or another request's, the step begins within this part.
   */
  beginStep(name: string): Part {
    const active = context.active();
    const here = partOf(active);
    const isOfFlow = here !== undefined && here.#run.failures === this.#run.failures;
    const step = new Part(this.#run, name, isOfFlow ? here : this, isOfFlow ? active : this.#context);
    const { telemetry, running, process } = this.#run;
    running.push(name);
    telemetry.showStep(process, name);
    return step;
  }

  private constructor(run: Run, step: string | undefined, around: Part | undefined, parent: Context) {
    this.#run = run;
    this.#step = step;
    this.#since = run.failures.place;
    this.#scopes = latestScope(parent) ?? (around === undefined ? undefined : around.#scopes);
    const found = shownIn(parent, this.#scopes);
    this.#span = run.telemetry.startSpan(step, found);
    const within = this.#span === undefined ? found : trace.setSpan(found, this.#span);
    this.#context = within.setValue(PART, this);
  }

  /** Runs the part's function, and ends the part. @returns the function's result; rejects with its error */
  run<Given, T>(fn: (given: Given) => T, given: Given): Promise<Awaited<T>> {
    const scopes = scopeStorage();
    const settle = (): Promise<Awaited<T>> => this.#settle(fn, given);
    const isCurrent = this.#scopes === undefined || this.#scopes === scopes.getStore();
    if (isCurrent) return context.with(this.#context, settle);
    return scopes.run(this.#scopes, () => context.with(this.#context, settle));
  }

  /** An error that the function throws synchronously becomes a rejection. */
  async #settle<Given, T>(fn: (given: Given) => T, given: Given): Promise<Awaited<T>> {
    let result: Awaited<T>;
    try {
      result = await fn(given);
    } catch (error) {
      this.#end(statusOf(error), this.#run.failures.note(error, this.#run, this.#step, this.#since));
      throw error;
    }
    this.#end("success", undefined);
    return result;
  }

  #end(status: FlowStatus, failure: Failure | undefined): void {
    const { telemetry, running, process } = this.#run;
    const seconds = (performance.now() - this.#startedAt) / 1000;
    if (this.#span !== undefined) telemetry.endSpan(this.#span, this.#step, status, failure);
    telemetry.measure(this.#step, seconds, status);
    if (this.#step === undefined) return;
    // The flow's span shows the running step that began last. When no step runs, it keeps the last one.
    running.splice(running.lastIndexOf(this.#step), 1);
    const shown = running.at(-1);
    if (shown !== undefined) telemetry.showStep(process, shown);
  }
}

function partOf(active: Context): Part | undefined {
  const part = active.getValue(PART);
  return part instanceof Part ? part : undefined;
}

/** A context that shows the scope. If OpenTelemetry's context is lost, the parent is the server span of the scope. */
function shownIn(parent: Context, scope: RequestScope | undefined): Context {
  if (scope === undefined) return parent;
  const { serverSpan } = scope;
  const isLost = serverSpan !== undefined && trace.getSpan(parent) === undefined;
  return contextShowing(scope, isLost ? trace.setSpan(parent, serverSpan) : parent);
}
