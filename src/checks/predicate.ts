import { describeValue } from "./describe-value.ts";
import { type Cause, warnOnce } from "./diagnostics.ts";
import { isThenable } from "./thenable.ts";

/** Calls a predicate of the user. If it throws or returns anything but a boolean, such as a promise, the answer is no. */
export function askPredicate(option: string, cause: Cause, predicate: () => unknown): boolean {
  try {
    const answer = predicate();
    if (typeof answer === "boolean") return answer;
    // An async predicate is a mistake; its promise may reject, and no other code handles that.
    if (isThenable(answer)) answer.then(undefined, () => undefined);
    warnOnce(cause, `${option} returned ${describeValue(answer)}, which counts as no; return a boolean, not a promise`);
  } catch (error) {
    warnOnce(cause, `${option} threw, which counts as no`, error);
  }
  return false;
}
