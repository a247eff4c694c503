import { ExperimentConfigError } from "../checks/errors.ts";
import { show } from "../checks/show.ts";
import { closedFieldOf, fieldOf } from "./declaring.ts";
import type { ClosedField, Field } from "./field.ts";
import { decodeItems, encodeItems } from "./item-list.ts";
import { looksSensitive } from "./sensitive-values.ts";
import { checkFieldOptions, compileTextRules, countOf, isPlainText, type TextOptions } from "./text-rules.ts";

/** A field that nobody has named yet goes to the wire alone, and may not be changed on the way. */
const WIRE_ALONE = { signals: [], mutable: false } as const;

/** Each makes metric series where the field goes there. */
const MAX_CHOICES = 64;
const MAX_CHOICE_LENGTH = 64;

/** One of some texts. @throws ExperimentConfigError */
export function oneOf<const T extends string>(...choices: readonly [T, ...T[]]): ClosedField<T> {
  const where = "oneOf";
  const known: ReadonlySet<unknown> = new Set(choices);
  if (choices.length === 0 || choices.length > MAX_CHOICES || known.size < choices.length) {
    throw new ExperimentConfigError("ERR_FIELD", `${where}: write 1 to ${MAX_CHOICES} texts, each once`);
  }
  for (const choice of choices) {
    if (typeof choice !== "string" || !isPlainText(choice, MAX_CHOICE_LENGTH)) {
      throw new ExperimentConfigError(
        "ERR_FIELD",
        `${where}: ${show(choice)} is no text of 1 to ${MAX_CHOICE_LENGTH} characters without control characters`,
      );
    }
    if (looksSensitive(choice)) {
      throw new ExperimentConfigError(
        "ERR_FIELD_SENSITIVE",
        `${where}: one of the texts looks like a secret or personal data, which baggage is no place for; leave it out`,
      );
    }
  }
  const accepts = (value: unknown): value is T => known.has(value);
  return closedFieldOf<T>({
    ...WIRE_ALONE,
    type: choices.map((choice) => JSON.stringify(choice)).join(" | "),
    wire: `<${choices.join(" or ")}>`,
    closed: true,
    codec: {
      accepts,
      encode: (value) => value,
      decode: (given) => (accepts(given) ? given : undefined),
      texts: () => [],
    },
  });
}

/** `true` or `false`. */
export function boolean(): ClosedField<boolean> {
  return closedFieldOf<boolean>({
    ...WIRE_ALONE,
    type: "boolean",
    wire: "<true or false>",
    closed: true,
    codec: {
      accepts: (value) => typeof value === "boolean",
      encode: String,
      decode: (given) => (given === "true" ? true : given === "false" ? false : undefined),
      texts: () => [],
    },
  });
}

/** Both included. By default all that a double holds exactly. */
export interface IntegerOptions {
  readonly min?: number;
  readonly max?: number;
}

/** As `String` writes it. */
const DECIMAL = /^(?:0|-?[1-9][0-9]{0,15})$/;

/** A whole number. @throws ExperimentConfigError */
export function integer(options: IntegerOptions = {}): Field<number> {
  const where = "integer";
  const given = checkFieldOptions(where, options, ["min", "max"]);
  const min = boundOf(where, "min", given.min, Number.MIN_SAFE_INTEGER);
  const max = boundOf(where, "max", given.max, Number.MAX_SAFE_INTEGER);
  if (min > max)
    throw new ExperimentConfigError("ERR_FIELD", `${where}: min is ${min}, more than max, which is ${max}`);
  const accepts = (value: unknown): value is number =>
    typeof value === "number" && Number.isSafeInteger(value) && value >= min && value <= max;
  return fieldOf<number>({
    ...WIRE_ALONE,
    type: `integer${rangeOf(min, max)}`,
    wire: "<decimal>",
    closed: false,
    codec: {
      accepts,
      // Also of -0.
      encode: String,
      decode(digits) {
        const value = DECIMAL.test(digits) ? Number(digits) : undefined;
        return accepts(value) ? value : undefined;
      },
      texts: (value) => [String(value)],
    },
  });
}

function rangeOf(min: number, max: number): string {
  const isOpen = [min === Number.MIN_SAFE_INTEGER, max === Number.MAX_SAFE_INTEGER] as const;
  if (isOpen[0] && isOpen[1]) return "";
  if (isOpen[0]) return `, at most ${max}`;
  return isOpen[1] ? `, at least ${min}` : ` from ${min} to ${max}`;
}

function boundOf(where: string, name: string, value: unknown, byDefault: number): number {
  if (value === undefined) return byDefault;
  if (typeof value === "number" && Number.isSafeInteger(value)) return value;
  throw new ExperimentConfigError("ERR_FIELD", `${where}: ${name} is ${show(value)}; write a whole number`);
}

/** A text that is not empty, without control characters. @throws ExperimentConfigError */
export function text(options: TextOptions = {}): Field<string> {
  const rules = compileTextRules("text", checkFieldOptions("text", options, ["maxLength", "pattern"]));
  return fieldOf<string>({
    ...WIRE_ALONE,
    type: `text, ${rules.type}`,
    wire: "<text>",
    closed: false,
    codec: {
      accepts: (value): value is string => typeof value === "string" && rules.accepts(value),
      encode: (value) => value,
      decode: (value) => (rules.accepts(value) ? value : undefined),
      texts: (value) => [value],
    },
  });
}

/** What a list may hold. */
export interface ListOptions extends TextOptions {
  /** Default: 8, at most 64. */
  readonly maxItems?: number;
}

const DEFAULT_ITEMS = 8;
const MAX_ITEMS = 64;

/** A list of texts, in their order; it may be empty, its items may not. @throws ExperimentConfigError */
export function list(options: ListOptions = {}): Field<readonly string[]> {
  const given = checkFieldOptions("list", options, ["maxItems", "maxLength", "pattern"]);
  const most = countOf("list", "maxItems", given.maxItems, DEFAULT_ITEMS, MAX_ITEMS);
  const rules = compileTextRules("list", given);
  const accepts = (value: unknown): value is readonly string[] =>
    Array.isArray(value) &&
    value.length <= most &&
    value.every((item) => typeof item === "string" && rules.accepts(item));
  return fieldOf<readonly string[]>({
    ...WIRE_ALONE,
    type: `list of up to ${most} texts, each ${rules.type}`,
    wire: "<item>|<item>…",
    closed: false,
    codec: {
      accepts,
      encode: encodeItems,
      decode(encoded) {
        const items = decodeItems(encoded, most);
        return accepts(items) ? Object.freeze(items) : undefined;
      },
      texts: (items) => items,
    },
  });
}
