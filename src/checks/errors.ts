/** The kind of a configuration error, for programs. The message is for people and says what to write instead. */
export type ExperimentConfigErrorCode =
  | "ERR_OPTIONS"
  | "ERR_UNKNOWN_OPTION"
  | "ERR_NOTHING_TO_DO"
  | "ERR_EXPERIMENT"
  | "ERR_EXPERIMENT_KEY"
  | "ERR_EXPERIMENT_ID"
  | "ERR_NO_VARIANTS"
  | "ERR_VARIANT"
  | "ERR_DUPLICATE_VARIANT"
  | "ERR_WEIGHT"
  | "ERR_PRIMARY"
  | "ERR_PREFIX"
  | "ERR_SUBJECT_SECRET"
  | "ERR_STORE"
  | "ERR_OVERRIDE"
  | "ERR_FLOW_NAME"
  | "ERR_FIELD"
  | "ERR_FIELD_NAME"
  | "ERR_FIELD_SENSITIVE"
  | "ERR_TRUST_INBOUND"
  | "ERR_PROPAGATE_TO"
  | "ERR_OPTION_VALUE";

/**
 * A wrong option or definition. Thrown at set-up, by `createExperiments`, `defineExperiments` and `meter`, and by
 * `testHeaders`; never while a request is served.
 */
export class ExperimentConfigError extends Error {
  /** True also for the error of another copy of the package: ES modules and CommonJS have a class each. */
  static override [Symbol.hasInstance](value: unknown): value is ExperimentConfigError {
    return isOfClass(ExperimentConfigError, this, value);
  }

  override readonly name = "ExperimentConfigError";
  readonly code: ExperimentConfigErrorCode;

  constructor(code: ExperimentConfigErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** The kind of a programmer's mistake. */
export type ExperimentUsageErrorCode =
  | "ERR_UNKNOWN_EXPERIMENT"
  | "ERR_UNKNOWN_VARIANT"
  | "ERR_BAD_NAME"
  | "ERR_SUBJECT"
  | "ERR_CONVERSION_VALUE"
  | "ERR_DESTINATION"
  | "ERR_CARRIER"
  | "ERR_FUNCTION"
  | "ERR_OPTIONS"
  | "ERR_UNKNOWN_OPTION"
  | "ERR_UNKNOWN_FIELD"
  | "ERR_FIELD_VALUE"
  | "ERR_FIELD_CHANGED"
  | "ERR_OPTION_VALUE";

/**
 * A mistake of the programmer, such as a misspelt key. Thrown only in `strict` mode, which is on by default where
 * `NODE_ENV` is `test` or `development`; elsewhere the mistake goes to OpenTelemetry's `diag` and the call does nothing.
 * Only `run` and `runEach` without a function throw in every mode, since they have no result to return.
 */
export class ExperimentUsageError extends Error {
  /** True also for the error of another copy of the package: ES modules and CommonJS have a class each. */
  static override [Symbol.hasInstance](value: unknown): value is ExperimentUsageError {
    return isOfClass(ExperimentUsageError, this, value);
  }

  override readonly name = "ExperimentUsageError";
  readonly code: ExperimentUsageErrorCode;

  constructor(code: ExperimentUsageErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** A subclass, which is the user's, compares by its prototype, as every class does. */
function isOfClass(ours: { readonly name: string }, asked: object, value: unknown): boolean {
  if (asked !== ours) return Function.prototype[Symbol.hasInstance].call(asked, value);
  return value instanceof Error && value.name === ours.name;
}
