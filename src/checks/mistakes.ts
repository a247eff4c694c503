import { warnOnce } from "./diagnostics.ts";
import { ExperimentUsageError, type ExperimentUsageErrorCode } from "./errors.ts";

/**
 * Reports a mistake of the programmer. Gives false, so that a check can return it.
 *
 * @throws ExperimentUsageError in strict mode
 */
export type MistakeReporter = (code: ExperimentUsageErrorCode, message: string) => false;

/** @param strict whether mistakes throw; else each kind goes to `diag`, once a minute */
export function mistakeReporter(strict: boolean): MistakeReporter {
  return (code, message) => {
    if (strict) throw new ExperimentUsageError(code, message);
    warnOnce(code, message);
    return false;
  };
}
