import type { CompiledAssignment } from "../assignment/assignment.ts";
import { warnOnce } from "../checks/diagnostics.ts";
import { isThenable } from "../checks/thenable.ts";

/** That a variant made a difference to a subject: once per request and experiment. */
export interface Exposure {
  /** The experiment's key. */
  readonly key: string;
  /** The run of the experiment. Undefined only if a caller sent none and no registry declares the key. */
  readonly id: string | undefined;
  readonly variant: string;
  /** The subject or its pseudonym, as `recordSubject` declares; missing without it. */
  readonly subject?: string;
}

/** A conversion, for one of the assignments that it counts for. */
export interface Conversion extends Exposure {
  /** The name that `convert` was called with. */
  readonly name: string;
  /** The value that `convert` was called with; missing without it. */
  readonly value?: number;
}

/** The callbacks of `createExperiments` for exposures and conversions. */
export interface OutcomeCallbacks {
  readonly onExposure: ((exposure: Exposure) => unknown) | undefined;
  readonly onConversion: ((conversion: Conversion) => unknown) | undefined;
}

/** The exposure of an assignment. */
export function exposureOf({ assignment: { key, id, variant, subject } }: CompiledAssignment): Exposure {
  return { key, id, variant, ...(subject === undefined ? {} : { subject }) };
}

/** The conversion of an assignment. */
export function conversionOf(assignment: CompiledAssignment, name: string, value: number | undefined): Conversion {
  return { ...exposureOf(assignment), name, ...(value === undefined ? {} : { value }) };
}

/** Calls a user's callback. If it throws or rejects, `diag` says so, and nothing else happens. */
export function callBack<T>(
  option: keyof OutcomeCallbacks,
  callback: ((outcome: T) => unknown) | undefined,
  outcome: () => T,
): void {
  if (callback === undefined) return;
  const failed = (error: unknown): void => warnOnce("outcome-callback", `${option} failed`, error);
  try {
    const result = callback(outcome());
    if (isThenable(result)) result.then(undefined, failed);
  } catch (error) {
    failed(error);
  }
}
