import { describeValue } from "../checks/describe-value.ts";
import { ExperimentConfigError } from "../checks/errors.ts";
import { isExperimentName, NAME_RULE } from "./names.ts";

const VARIANTS_FIX = 'write a list such as ["control", "express"], or their weights, { control: 9, express: 1 }';

/**
 * The weights by variant, from a list or an object.
 *
 * @param where the experiment's name in messages
 * @throws ExperimentConfigError
 */
export function compileWeights(where: string, variants: unknown): ReadonlyMap<string, number> {
  if (typeof variants !== "object" || variants === null) {
    const wrong = variants === undefined ? "is missing" : `is ${describeValue(variants)}`;
    throw new ExperimentConfigError("ERR_NO_VARIANTS", `${where}.variants ${wrong}; ${VARIANTS_FIX}`);
  }
  const entries: [unknown, unknown][] = Array.isArray(variants)
    ? Array.from(variants, (variant: unknown) => [variant, 1])
    : Object.entries(variants);
  if (entries.length === 0) {
    throw new ExperimentConfigError("ERR_NO_VARIANTS", `${where}.variants is empty; ${VARIANTS_FIX}`);
  }
  const weights = new Map<string, number>();
  for (const [variant, weight] of entries) {
    if (!isExperimentName(variant)) {
      throw new ExperimentConfigError(
        "ERR_VARIANT",
        `${where}.variants holds ${describeValue(variant)}, which is not ${NAME_RULE}; write such a name, for example "one_click"`,
      );
    }
    if (weights.has(variant)) {
      throw new ExperimentConfigError(
        "ERR_DUPLICATE_VARIANT",
        `${where}.variants lists "${variant}" twice; list it once`,
      );
    }
    if (typeof weight !== "number" || !Number.isFinite(weight) || weight < 0) {
      throw new ExperimentConfigError(
        "ERR_WEIGHT",
        `${where}.variants.${variant} is ${describeValue(weight)}; a weight is a number that is not negative`,
      );
    }
    weights.set(variant, weight);
  }
  if ([...weights.values()].every((weight) => weight === 0)) {
    throw new ExperimentConfigError(
      "ERR_WEIGHT",
      `${where}.variants has only weights of 0; give one variant a positive weight`,
    );
  }
  return weights;
}
