import { ExperimentConfigError } from "../errors.ts";
import { show } from "../show.ts";
import { isExperimentName, NAME_RULE } from "./names.ts";

/**
 * The weights by variant, from a list or an object.
 *
 * @param where how the experiment is named in messages
 * @throws ExperimentConfigError
 */
export function compileWeights(where: string, variants: unknown): ReadonlyMap<string, number> {
  if (typeof variants !== "object" || variants === null) {
    throw new ExperimentConfigError("ERR_NO_VARIANTS", `${where}.variants is missing; list at least two`);
  }
  const entries: [unknown, unknown][] = Array.isArray(variants)
    ? Array.from(variants, (variant: unknown) => [variant, 1])
    : Object.entries(variants);
  if (entries.length === 0) {
    throw new ExperimentConfigError("ERR_NO_VARIANTS", `${where}.variants is empty; list at least two`);
  }
  const weights = new Map<string, number>();
  for (const [variant, weight] of entries) {
    if (!isExperimentName(variant)) {
      throw new ExperimentConfigError(
        "ERR_VARIANT",
        `${where}.variants holds ${show(variant)}, which is not ${NAME_RULE}`,
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
        `${where}.variants.${variant} is ${show(weight)}; a weight is a number that is not negative`,
      );
    }
    weights.set(variant, weight);
  }
  if ([...weights.values()].every((weight) => weight === 0)) {
    throw new ExperimentConfigError("ERR_WEIGHT", `${where}.variants has only weights of 0; give one of them a share`);
  }
  return weights;
}
