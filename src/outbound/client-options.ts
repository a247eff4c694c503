import { describeValue } from "../checks/describe-value.ts";
import { ExperimentConfigError } from "../checks/errors.ts";
import { checkOptions } from "../checks/option-checks.ts";

/** The options of a wrapped client. */
export interface ClientOptions {
  /** Whether it makes a CLIENT span for each request over undici, and measures its duration. Default: false. */
  readonly spans?: boolean;
}

/** The checked options. */
export interface CompiledClientOptions {
  readonly spans: boolean;
}

/** @throws ExperimentConfigError */
export function compileClientOptions(options: unknown): CompiledClientOptions {
  const { spans = false } = checkOptions("a client", options, ["spans"]);
  if (typeof spans !== "boolean") {
    throw new ExperimentConfigError("ERR_OPTION_VALUE", `spans is ${describeValue(spans)}; write true or false`);
  }
  return { spans };
}
