import { ExperimentConfigError } from "../checks/errors.ts";
import { show } from "../checks/show.ts";
import { compilePattern, type WholeMatch } from "./pattern.ts";

/** What a text field, or an item of a list, may be. */
export interface TextOptions {
  /** In UTF-16 code units, as JavaScript counts them. Default: 64, at most 1024. */
  readonly maxLength?: number;
  /** What the whole text has to match. Matched in bounded time; what cannot be is refused at set-up. */
  readonly pattern?: RegExp;
}

export interface TextRules {
  readonly accepts: (text: string) => boolean;
  /** For people. */
  readonly type: string;
}

const DEFAULT_LENGTH = 64;

/** A member of this length, with every character encoded, still has room among the own ones if it is ASCII. */
const MAX_LENGTH = 1024;

/** C0, DEL and C1: what a log or a terminal would act on. */
const CONTROL = /[\0-\x1f\x7f-\x9f]/;

/** Not empty, since propagators lose members without a value; what is no UTF-16 could not be read as it was written. */
export function isPlainText(text: string, maxLength: number): boolean {
  return text.length > 0 && text.length <= maxLength && text.isWellFormed() && !CONTROL.test(text);
}

/** @throws ExperimentConfigError */
export function compileTextRules(where: string, { maxLength, pattern }: GivenTextOptions): TextRules {
  const longest = countOf(where, "maxLength", maxLength, DEFAULT_LENGTH, MAX_LENGTH);
  if (pattern !== undefined && !(pattern instanceof RegExp)) {
    throw new ExperimentConfigError("ERR_FIELD", `${where}: pattern is ${show(pattern)}; write a regular expression`);
  }
  const matches: WholeMatch | undefined = pattern === undefined ? undefined : compilePattern(where, pattern);
  return {
    accepts: (text) => isPlainText(text, longest) && matches?.(text) !== false,
    type: pattern === undefined ? `up to ${longest} characters` : `${String(pattern)}, up to ${longest} characters`,
  };
}

/** Options whose values are not known yet. */
export interface GivenTextOptions {
  readonly maxLength?: unknown;
  readonly pattern?: unknown;
}

/** @throws ExperimentConfigError for what is no whole number from 1 to `most` */
export function countOf(where: string, name: string, value: unknown, byDefault: number, most: number): number {
  if (value === undefined) return byDefault;
  if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new ExperimentConfigError("ERR_FIELD", `${where}: ${name} is ${show(value)}; write 1 to ${most}`);
}

/** @throws ExperimentConfigError for what is no object with known names only */
export function checkFieldOptions<const Name extends string>(
  where: string,
  options: unknown,
  names: readonly Name[],
): { readonly [N in Name]?: unknown } {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new ExperimentConfigError("ERR_FIELD", `${where}: the options are ${show(options)}; write { ${names[0]} }`);
  }
  const unknown = Object.keys(options).find((name) => !names.some((known) => known === name));
  if (unknown === undefined) return options;
  throw new ExperimentConfigError(
    "ERR_UNKNOWN_OPTION",
    `${where}: the option ${show(unknown)} is unknown; there is ${names.join(", ")}`,
  );
}
