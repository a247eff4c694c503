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

/** What the parts within a part take from it. Another copy of the package may have made it. */
interface Surroundings {
  readonly run: Run;
  /** The latest scope of the code that began the part, of any instance. */
  readonly scopes: RequestScope | undefined;
}

/**
 * The key of OpenTelemetry's context for the part in whose function the code runs. OpenTelemetry makes one key of each
 * description, so all copies of the package share this one.
 */
const SURROUNDINGS = createContextKey("otel-experiments.flow-part.v1");

/**
 * A running part of a flow: the flow itself, or a step. It has the scope in which it began, and a span, which is active
 * while its function runs. It runs its function once, and then ends.
 */
export class Part {
  readonly #within: Surroundings;
  /** The step's name; undefined for the flow itself. */
  readonly #step: string | undefined;
  readonly #span: Span | undefined;
  /** The context with the span and this part. */
  readonly #context: Context;
  readonly #since: number;
  readonly #startedAt: number = performance.now();

  /** Begins a run of a flow. */
  static beginFlow(telemetry: FlowTelemetry): Part {
    const active = context.active();
    const around = surroundingsIn(active);
    const failures = around === undefined ? new Failures() : around.run.failures;
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
    const { run } = this.#within;
    const here = surroundingsIn(active);
    const isOfFlow = here !== undefined && here.run.failures === run.failures;
    const step = new Part(run, name, isOfFlow ? here : this.#within, isOfFlow ? active : this.#context);
    const { telemetry, running, process } = run;
    running.push(name);
    telemetry.showStep(process, name);
    return step;
  }

  private constructor(run: Run, step: string | undefined, around: Surroundings | undefined, parent: Context) {
    const scopes = latestScope(parent) ?? around?.scopes;
    this.#within = { run, scopes };
    this.#step = step;
    this.#since = run.failures.place;
    const found = shownIn(parent, scopes);
    this.#span = run.telemetry.startSpan(step, found);
    const within = this.#span === undefined ? found : trace.setSpan(found, this.#span);
    this.#context = within.setValue(SURROUNDINGS, this.#within);
  }

  /** Runs the part's function, and ends the part. @returns the function's result; rejects with its error */
  run<Given, T>(fn: (given: Given) => T, given: Given): Promise<Awaited<T>> {
    const storage = scopeStorage();
    const { scopes } = this.#within;
    const settle = (): Promise<Awaited<T>> => this.#settle(fn, given);
    const isCurrent = scopes === undefined || scopes === storage.getStore();
    if (isCurrent) return context.with(this.#context, settle);
    return storage.run(scopes, () => context.with(this.#context, settle));
  }

  /** An error that the function throws synchronously becomes a rejection. */
  async #settle<Given, T>(fn: (given: Given) => T, given: Given): Promise<Awaited<T>> {
    let result: Awaited<T>;
    try {
      result = await fn(given);
    } catch (error) {
      const { run } = this.#within;
      this.#end(statusOf(error), run.failures.note(error, run, this.#step, this.#since));
      throw error;
    }
    this.#end("success", undefined);
    return result;
  }

  #end(status: FlowStatus, failure: Failure | undefined): void {
    const { telemetry, running, process } = this.#within.run;
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

function surroundingsIn(active: Context): Surroundings | undefined {
  // why: only this package writes under this key
  return active.getValue(SURROUNDINGS) as Surroundings | undefined;
}

/** A context that shows the scope. If OpenTelemetry's context is lost, the parent is the server span of the scope. */
function shownIn(parent: Context, scope: RequestScope | undefined): Context {
  if (scope === undefined) return parent;
  const { serverSpan } = scope;
  const isLost = serverSpan !== undefined && trace.getSpan(parent) === undefined;
  return contextShowing(scope, isLost ? trace.setSpan(parent, serverSpan) : parent);
}
