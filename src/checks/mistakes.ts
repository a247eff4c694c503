import { warnOnce } from "./diagnostics.ts";
import { ExperimentUsageError, type ExperimentUsageErrorCode } from "./errors.ts";

/**
 * Reports a mistake of the programmer. Returns false, so that a check can return the result.
 *
 * @throws ExperimentUsageError in strict mode
 */
export type MistakeReporter = (code: ExperimentUsageErrorCode, message: string) => false;

/** @param strict true: mistakes throw; false: each kind goes to `diag`, once a minute */
export function mistakeReporter(strict: boolean): MistakeReporter {
  return (code, message) => {
    if (strict) throw new ExperimentUsageError(code, message);
    warnOnce(code, message);
    return false;
  };
}
