import { advise, type Cause } from "./diagnostics.ts";
import { show } from "./show.ts";
import { isThenable } from "./thenable.ts";

/** Asks a predicate of the user's. One that throws, or gives anything but a boolean at once, means no. */
export function holds(option: string, cause: Cause, predicate: () => unknown): boolean {
  try {
    const answer = predicate();
    if (typeof answer === "boolean") return answer;
    // One that is async by mistake may reject, and nobody else would handle it.
    if (isThenable(answer)) answer.then(undefined, () => undefined);
    advise(cause, `${option} gave ${show(answer)}, which counts as no; it must give a boolean, at once`);
  } catch (error) {
    advise(cause, `${option} threw, which counts as no`, error);
  }
  return false;
}
