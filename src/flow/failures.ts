import { describeValue } from "../checks/describe-value.ts";
import { propertyOf } from "../checks/property.ts";
import { errorMessage, errorType } from "../http-spans/http-attributes.ts";

/**
 * How a flow or a step ended. `success`: its function gave a result. `timeout`: it failed with a `TimeoutError`, or with an
 * `AbortError` whose cause is one. `aborted`: it failed with another `AbortError`. `failure`: it failed with any other error.
 */
export type FlowStatus = "success" | "timeout" | "aborted" | "failure";

/** Errors are known by name, as Node, browsers and clients such as undici and got name them. */
export function statusOf(error: unknown): Exclude<FlowStatus, "success"> {
  const name = propertyOf(error, "name");
  if (name === "TimeoutError") return "timeout";
  if (name !== "AbortError") return "failure";
  // Node's own functions reject with an AbortError for every abort; its cause is the signal's reason.
  return propertyOf(propertyOf(error, "cause"), "name") === "TimeoutError" ? "timeout" : "aborted";
}

/** An error as OpenTelemetry takes it, with `error.type` as its name. */
export function exceptionOf(error: unknown): { name: string; message: string; stack?: string } {
  const message = typeof error === "string" ? error : (errorMessage(error) ?? describeValue(error));
  const stack = propertyOf(error, "stack");
  return { name: errorType(error), message, ...(typeof stack === "string" ? { stack } : {}) };
}

/** The failure of a flow or of a step. */
export interface Failure {
  readonly error: unknown;
  /** The innermost step of the flow that failed with it; undefined where it was none. */
  readonly blamed: string | undefined;
  /** Whether the error is not recorded as an exception yet. */
  readonly isNew: boolean;
}

/** The last note of one error. */
interface Note {
  readonly run: object;
  readonly blamed: string | undefined;
  /** The number of the note. */
  readonly place: number;
}

/** A retry in a long flow fails any number of times. The error that comes out of the flow is one of the last. */
const MAX_KNOWN = 64;

/** `cause` of `cause`; a longer chain, or a circle, ends here. */
const MAX_CAUSES = 8;

/**
 * The errors of a flow and of the flows within its steps. An error passes through steps and flows by identity, so the
 * innermost step notes it, and those around that step find it. An error that was noted before a step began has been thrown
 * anew: some code throws one object again and again.
 */
export class Failures {
  readonly #notes = new Map<unknown, Note>();
  /** How many errors were noted. */
  place = 0;

  /**
   * Notes that a step of a run failed, or the run itself.
   *
   * @param since `place` when it began
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
