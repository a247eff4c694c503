import { describeValue } from "../checks/describe-value.ts";
import { ExperimentConfigError } from "../checks/errors.ts";
import type { GivenOptions } from "../checks/option-checks.ts";
import { compilePattern, type WholeMatch } from "./pattern.ts";

/** The limits of a text field, or of an item of a list. */
export interface TextOptions {
  /** In UTF-16 code units. Default: 64, at most 1024. */
  readonly maxLength?: number;
  /**
   * Must match the whole text. A sequence of characters, escapes and classes, each with a count if needed:
   * `/[a-z]{2}-[a-z]+-\d/`. Any other expression throws at set-up.
   */
  readonly pattern?: RegExp;
}

export interface TextRules {
  readonly accepts: (text: string) => boolean;
  /** The rules, for people. */
  readonly type: string;
}

const DEFAULT_LENGTH = 64;

/** An ASCII value of this length fits into the own members' limit even if every character is encoded. */
const MAX_LENGTH = 1024;

/** C0, DEL and C1: control characters for logs and terminals. */
const CONTROL = /[\0-\x1f\x7f-\x9f]/;

/** Not empty, since propagators drop members without a value; valid UTF-16, since only that survives the wire. */
export function isPlainText(text: string, maxLength: number): boolean {
  return text.length > 0 && text.length <= maxLength && text.isWellFormed() && !CONTROL.test(text);
}

/** @throws ExperimentConfigError */
export function compileTextRules(where: string, options: GivenOptions<"maxLength" | "pattern">): TextRules {
  const { maxLength = DEFAULT_LENGTH, pattern } = options;
  const longest = wholeNumberOf(where, "maxLength", maxLength, 1, MAX_LENGTH);
  if (pattern !== undefined && !(pattern instanceof RegExp)) {
    throw new ExperimentConfigError(
      "ERR_FIELD",
      `${where}: pattern is ${describeValue(pattern)}; write a regular expression`,
    );
  }
  const matches: WholeMatch | undefined = pattern === undefined ? undefined : compilePattern(where, pattern);
  return {
    accepts: (text) => isPlainText(text, longest) && matches?.(text) !== false,
    type: pattern === undefined ? `up to ${longest} characters` : `${String(pattern)}, up to ${longest} characters`,
  };
}

/** @throws ExperimentConfigError for a value that is no whole number from `min` to `max` */
export function wholeNumberOf(where: string, name: string, value: unknown, min: number, max: number): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= min && value <= max) return value;
  throw new ExperimentConfigError(
    "ERR_FIELD",
    `${where}: ${name} is ${describeValue(value)}; write a whole number from ${min} to ${max}`,
  );
}
