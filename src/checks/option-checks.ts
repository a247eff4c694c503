import { describeValue } from "./describe-value.ts";
import { ExperimentConfigError } from "./errors.ts";
import { nearestName } from "./nearest-name.ts";
import { ownOption } from "./own-option.ts";

/** Options with known names and unchecked values. */
export type GivenOptions<Name extends string> = { readonly [N in Name]?: unknown };

/** A mistake in options: thrown at set-up, reported at run time. */
export interface OptionsMistake {
  readonly code: "ERR_OPTIONS" | "ERR_UNKNOWN_OPTION";
  readonly message: string;
}

/**
 * Checks that options are an object with known names only, and copies them. Inherited properties of all objects are none.
 *
 * @param what the owner of the options, as messages name it, such as `cookieStore` or `experiments.checkout`
 * @throws ExperimentConfigError
 */
export function checkOptions<const Name extends string>(
  what: string,
  options: unknown,
  names: readonly Name[],
): GivenOptions<Name> {
  const mistake = optionsMistake(what, options, names);
  if (mistake !== undefined) throw new ExperimentConfigError(mistake.code, mistake.message);
  // why: it has no other names than these
  return Object.fromEntries(names.map((name) => [name, ownOption(options, name)])) as GivenOptions<Name>;
}

/** The mistake that `checkOptions` throws; undefined if there is none. */
export function optionsMistake(what: string, options: unknown, names: readonly string[]): OptionsMistake | undefined {
  const fix = `write an object with ${names.join(", ")}`;
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    // If the options are undefined, leaving them out is the mistake.
    const end = options === undefined ? "" : ", or leave it out";
    return { code: "ERR_OPTIONS", message: `the options of ${what} are ${describeValue(options)}; ${fix}${end}` };
  }
  const given = Object.keys(options);
  const unknown = given.find((name) => !names.includes(name));
  if (unknown === undefined) return undefined;
  const className = given.some((name) => names.includes(name)) ? undefined : classOf(options);
  return className === undefined
    ? {
        code: "ERR_UNKNOWN_OPTION",
        message: `the option ${describeValue(unknown)} of ${what} is unknown; ${nearestOrAll(unknown, names)}`,
      }
    : {
        code: "ERR_OPTIONS",
        message: `the options of ${what} are an object of the class ${describeValue(className)}; ${fix}, or leave it out`,
      };
}

/** The known name closest to the unknown one; if none is close, all known names. */
function nearestOrAll(unknown: string, names: readonly string[]): string {
  const { length } = unknown;
  const most = Math.min(Math.max(2, Math.floor(length / 3)), Math.floor(length / 2));
  const nearest = nearestName(unknown, names, most);
  if (nearest !== undefined) return `did you mean ${nearest}?`;
  return names.length === 1 ? `the only option is ${names.join()}` : `the options are ${names.join(", ")}`;
}

/** The class of an object that is no options object, such as an undici Agent; undefined for a plain object. */
function classOf(value: object): string | undefined {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (typeof prototype !== "object" || prototype === null || Object.getPrototypeOf(prototype) === null)
    return undefined;
  const { constructor } = prototype;
  return typeof constructor === "function" ? constructor.name : "";
}

/**
 * A non-empty list of values that pass the test; undefined if the value is undefined.
 *
 * @throws ExperimentConfigError
 */
export function listOf<T>(
  name: string,
  value: unknown,
  passes: (item: unknown) => item is T,
  rule: string,
): readonly T[] | undefined {
  if (value === undefined) return undefined;
  if (!Array.isArray(value) || value.length === 0) {
    throw new ExperimentConfigError(
      "ERR_OPTION_VALUE",
      `${name} is ${Array.isArray(value) ? "empty" : describeValue(value)}; write a list of ${rule}, or leave it out`,
    );
  }
  return value.map((item: unknown) => {
    if (passes(item)) return item;
    throw new ExperimentConfigError("ERR_OPTION_VALUE", `${name} holds ${describeValue(item)}; write ${rule}`);
  });
}
