import { describeValue } from "../checks/describe-value.ts";
import { propertyOf } from "../checks/property.ts";
import { errorMessage, errorType } from "../http-spans/http-attributes.ts";

/**
 * The end of a flow or a step. `success`: its function gave a result. `timeout`: it failed with a `TimeoutError`, or with
 * an `AbortError` that has one as its cause. `aborted`: it failed with another `AbortError`. `failure`: with any other
 * error.
 */
export type FlowStatus = "success" | "timeout" | "aborted" | "failure";

/** The status of an error, by its name in Node, browsers and clients such as undici and got. */
export function statusOf(error: unknown): Exclude<FlowStatus, "success"> {
  const name = propertyOf(error, "name");
  if (name === "TimeoutError") return "timeout";
  if (name !== "AbortError") return "failure";
  // Node's own functions reject with an AbortError for every abort; its cause is the signal's reason.
  return propertyOf(propertyOf(error, "cause"), "name") === "TimeoutError" ? "timeout" : "aborted";
}

/** An error in OpenTelemetry's form, with `error.type` as its name. */
export function exceptionOf(error: unknown): { name: string; message: string; stack?: string } {
  const message = typeof error === "string" ? error : (errorMessage(error) ?? describeValue(error));
  const stack = propertyOf(error, "stack");
  return { name: errorType(error), message, ...(typeof stack === "string" ? { stack } : {}) };
}

/** The failure of a flow or of a step. */
export interface Failure {
  readonly error: unknown;
  /** The innermost step of the flow that failed with it; undefined if no step did. */
  readonly blamed: string | undefined;
  /** Whether the error has still to be recorded as an exception. */
  readonly isNew: boolean;
}

/** The last note of one error. */
interface Note {
  readonly run: object;
  readonly blamed: string | undefined;
  /** The number of the note. */
  readonly place: number;
}

/** A bound, since retries in a long flow may fail any number of times. The flow's own error is one of the last. */
const MAX_KNOWN = 64;

/** The depth of nested `cause`s that is searched; it also ends a circle. */
const MAX_CAUSES = 8;

/**
 * The errors of a flow and of the flows within its steps. Steps and flows pass one error object on: the innermost step
 * notes it, and the outer ones find it. An error that was noted before a step began was thrown again, since some code
 * throws one object many times.
 */
export class Failures {
  readonly #notes = new Map<unknown, Note>();
  /** The number of notes so far. */
  place = 0;

  /**
   * Notes the error of a step of a run, or of the run itself.
   *
   * @param since `place` when the step or the run began
   */
  note(error: unknown, run: object, step: string | undefined, since: number): Failure {
    const known = this.#find(error, since);
    const origin = known ?? this.#findCause(error, since);
    const blamed = origin?.run === run ? origin.blamed : step;
    this.#notes.delete(error);
    this.#notes.set(error, { run, blamed, place: ++this.place });
    if (this.#notes.size > MAX_KNOWN) this.#notes.delete(this.#notes.keys().next().value);
    return { error, blamed, isNew: known === undefined };
  }

  #find(error: unknown, since: number): Note | undefined {
    const known = this.#notes.get(error);
    return known !== undefined && known.place > since ? known : undefined;
  }

  #findCause(error: unknown, since: number): Note | undefined {
    let cause = propertyOf(error, "cause");
    for (let depth = 0; depth < MAX_CAUSES && cause !== undefined; depth++) {
      const known = this.#find(cause, since);
      if (known !== undefined) return known;
      cause = propertyOf(cause, "cause");
    }
    return undefined;
  }
}
