import { describeValue } from "./describe-value.ts";
import { type Cause, warnOnce } from "./diagnostics.ts";
import { isThenable } from "./thenable.ts";

/** Asks a predicate of the user's. One that throws, or gives anything but a boolean at once, means no. */
export function askPredicate(option: string, cause: Cause, predicate: () => unknown): boolean {
  try {
    const answer = predicate();
    if (typeof answer === "boolean") return answer;
    // One that is async by mistake may reject, and nobody else would handle it.
    if (isThenable(answer)) answer.then(undefined, () => undefined);
    warnOnce(cause, `${option} gave ${describeValue(answer)}, which counts as no; it must give a boolean, at once`);
  } catch (error) {
    warnOnce(cause, `${option} threw, which counts as no`, error);
  }
  return false;
}
