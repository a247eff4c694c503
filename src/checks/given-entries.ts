import { describeValue } from "./describe-value.ts";
import { ExperimentUsageError } from "./errors.ts";

/**
 * The entries of an object that a test gives, without those whose value is undefined.
 *
 * @param what names the object in the message, such as `variants of testHeaders`
 * @throws ExperimentUsageError for anything else than an object
 */
export function givenEntries(what: string, given: unknown): readonly (readonly [string, unknown])[] {
  if (typeof given === "object" && given !== null && !Array.isArray(given)) {
    return Object.entries(given).filter(([, value]) => value !== undefined);
  }
  throw new ExperimentUsageError(
    "ERR_OPTION_VALUE",
    `the ${what} are ${describeValue(given)}; write an object such as { name: "value" }`,
  );
}
