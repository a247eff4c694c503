import { describeValue } from "../checks/describe-value.ts";
import { ExperimentConfigError } from "../checks/errors.ts";
import { checkOptions } from "../checks/option-checks.ts";
import { declare } from "./declaring.ts";
import type { ClosedField, Field } from "./field.ts";
import { decodeItems, encodeItems } from "./item-list.ts";
import { compileTextRules, isPlainText, type TextOptions, wholeNumberOf } from "./text-rules.ts";

/** If the field goes on metrics, each choice makes series. */
const MAX_CHOICES = 64;
const MAX_CHOICE_LENGTH = 64;

/** One of several texts. @throws ExperimentConfigError */
export function oneOf<const T extends string>(...choices: readonly [T, ...T[]]): ClosedField<T> {
  const where = "oneOf";
  if (choices.length === 0 || choices.length > MAX_CHOICES || new Set(choices).size < choices.length) {
    throw new ExperimentConfigError("ERR_FIELD", `${where}: write 1 to ${MAX_CHOICES} texts, each once`);
  }
  for (const choice of choices) {
    if (typeof choice !== "string" || !isPlainText(choice, MAX_CHOICE_LENGTH)) {
      throw new ExperimentConfigError(
        "ERR_FIELD",
        `${where}: ${describeValue(choice)} is not a text of 1 to ${MAX_CHOICE_LENGTH} characters without control characters`,
      );
    }
  }
  return declareChoices(choices.map((choice) => JSON.stringify(choice)).join(" | "), choices);
}

/** `true` or `false`. */
export function boolean(): ClosedField<boolean> {
  return declareChoices("boolean", [true, false]);
}

function declareChoices<T extends string | boolean>(type: string, choices: readonly T[]): ClosedField<T> {
  const byText = new Map(choices.map((choice) => [String(choice), choice]));
  const known: ReadonlySet<unknown> = new Set(choices);
  return declare<T>({
    type,
    wire: `<${choices.join(" or ")}>`,
    choices: Object.freeze([...choices]),
    codec: {
      accepts: (value): value is T => known.has(value),
      encode: String,
      decode: (given) => byText.get(given),
    },
  });
}

/** The range, both ends included. Default: all whole numbers that a double holds exactly. */
export interface IntegerOptions {
  /** A whole number, at most `max`. */
  readonly min?: number;
  /** A whole number, at least `min`. */
  readonly max?: number;
}

const { MIN_SAFE_INTEGER: LEAST, MAX_SAFE_INTEGER: MOST } = Number;

/** The form that `String` writes. */
const DECIMAL = /^(?:0|-?[1-9][0-9]{0,15})$/;

/** A whole number. @throws ExperimentConfigError */
export function integer(options: IntegerOptions = {}): Field<number> {
  const where = "integer";
  const { min: least = LEAST, max: most = MOST } = checkOptions(where, options, ["min", "max"]);
  const min = wholeNumberOf(where, "min", least, LEAST, MOST);
  const max = wholeNumberOf(where, "max", most, min, MOST);
  const accepts = (value: unknown): value is number =>
    typeof value === "number" && Number.isSafeInteger(value) && value >= min && value <= max;
  return declare<number>({
    type: `integer${rangeOf(min, max)}`,
    wire: "<decimal>",
    choices: undefined,
    codec: {
      accepts,
      // -0 becomes "0".
      encode: String,
      decode(digits) {
        const value = DECIMAL.test(digits) ? Number(digits) : undefined;
        return accepts(value) ? value : undefined;
      },
    },
  });
}

function rangeOf(min: number, max: number): string {
  if (min === LEAST) return max === MOST ? "" : `, at most ${max}`;
  return max === MOST ? `, at least ${min}` : ` from ${min} to ${max}`;
}

/** A non-empty text without control characters. @throws ExperimentConfigError */
export function text(options: TextOptions = {}): Field<string> {
  const rules = compileTextRules("text", checkOptions("text", options, ["maxLength", "pattern"]));
  return declare<string>({
    type: `text, ${rules.type}`,
    wire: "<text>",
    choices: undefined,
    codec: {
      accepts: (value): value is string => typeof value === "string" && rules.accepts(value),
      encode: (value) => value,
      decode: (value) => (rules.accepts(value) ? value : undefined),
    },
  });
}

/** The limits of a list and of its items. */
export interface ListOptions extends TextOptions {
  /** Default: 8, at most 64. */
  readonly maxItems?: number;
}

const DEFAULT_ITEMS = 8;
const MAX_ITEMS = 64;

/** An ordered list of texts; the list may be empty, an item may not. @throws ExperimentConfigError */
export function list(options: ListOptions = {}): Field<readonly string[]> {
  const { maxItems = DEFAULT_ITEMS, ...ofItems } = checkOptions("list", options, ["maxItems", "maxLength", "pattern"]);
  const most = wholeNumberOf("list", "maxItems", maxItems, 1, MAX_ITEMS);
  const rules = compileTextRules("list", ofItems);
  const accepts = (value: unknown): value is readonly string[] =>
    Array.isArray(value) &&
    value.length <= most &&
    value.every((item) => typeof item === "string" && rules.accepts(item));
  return declare<readonly string[]>({
    type: `list of up to ${most} texts, each ${rules.type}`,
    wire: "<item>|<item>…",
    choices: undefined,
    codec: {
      accepts,
      encode: encodeItems,
      decode(encoded) {
        const items = decodeItems(encoded, most);
        return accepts(items) ? Object.freeze(items) : undefined;
      },
    },
  });
}
