import { describeValue } from "../checks/describe-value.ts";
import { ExperimentConfigError } from "../checks/errors.ts";
import { checkOptions } from "../checks/option-checks.ts";

/** What a wrapped client may be beside the one that passes variants on. */
export interface ClientOptions {
  /** Whether it makes a CLIENT span and measures the duration of each request over undici. Default: false. */
  readonly spans?: boolean;
}

/** The options as calls read them. */
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
