import { describeValue } from "./describe-value.ts";
import { ExperimentConfigError } from "./errors.ts";

/** Options by name, with nothing known of their values yet. */
export type GivenOptions<Name extends string> = { readonly [N in Name]?: unknown };

/**
 * Checks that options are an object with known names only.
 *
 * @throws ExperimentConfigError
 */
export function checkOptions<const Name extends string>(
  what: string,
  options: unknown,
  names: readonly Name[],
): GivenOptions<Name> {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    const mend = `write an object with ${names.join(", ")}`;
    throw new ExperimentConfigError(
      "ERR_OPTIONS",
      // Where nothing was given, leaving it out was the mistake.
      `the options of ${what} are ${describeValue(options)}; ${mend}${options === undefined ? "" : ", or leave it out"}`,
    );
  }
  const unknown = unknownOption(options, names);
  if (unknown === undefined) return options;
  const className = classOf(options);
  if (className !== undefined) {
    throw new ExperimentConfigError(
      "ERR_OPTIONS",
      `the options of ${what} are an object of the class ${describeValue(className)}; write an object with ${names.join(", ")}, or leave it out`,
    );
  }
  throw new ExperimentConfigError(
    "ERR_UNKNOWN_OPTION",
    `the option ${describeValue(unknown)} of ${what} is unknown; ${thereAre(names)}`,
  );
}

/** Of what is something else than options, such as an undici Agent in their place; undefined for a plain object. */
function classOf(value: object): string | undefined {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (typeof prototype !== "object" || prototype === null || Object.getPrototypeOf(prototype) === null)
    return undefined;
  const { constructor } = prototype;
  return typeof constructor === "function" ? constructor.name : "";
}

/** All names that options may have, as it stands in a message. */
export function thereAre(names: readonly string[]): string {
  return `there ${names.length === 1 ? "is" : "are"} ${names.join(", ")}`;
}

/** The first name among options that is none of the known ones. */
export function unknownOption(options: object, names: readonly string[]): string | undefined {
  return Object.keys(options).find((name) => !names.includes(name));
}

/**
 * A list that is not empty, of values that pass; undefined where nothing is given.
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
