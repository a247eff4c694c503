import { ExperimentConfigError } from "../errors.ts";
import { show } from "../show.ts";
import { type CompiledAssignment, compileAssignment } from "./assignment.ts";
import { isExperimentKey, isExperimentName, KEY_RULE, NAME_RULE, RESERVED_KEYS } from "./names.ts";

/** One experiment as it is declared. */
export interface ExperimentDefinition {
  /** This run of the experiment, such as `checkout_redesign_2026q1`. A new run takes a new id. */
  readonly id: string;
  /** The variants, with equal shares, or each with its weight: not negative, and not all 0. */
  readonly variants: readonly string[] | Readonly<Record<string, number>>;
}

/** The experiments that a service declares, by key. */
export type Registry = Readonly<Record<string, ExperimentDefinition>>;

/** The keys of a registry; any string where there is none. */
export type ExperimentKey<R extends Registry> = keyof R & string;

/** The variants of one experiment; any string where there is no registry. */
export type VariantOf<R extends Registry, K extends ExperimentKey<R>> = string extends keyof R
  ? string
  : NamesIn<R[K]["variants"]>;

type NamesIn<Variants> = Variants extends readonly (infer Name)[] ? Name & string : keyof Variants & string;

/** A declared experiment with everything that requests need of it. */
export interface CompiledExperiment {
  readonly key: string;
  readonly id: string;
  /** The assignment to each declared variant, shared by all requests that have it. */
  readonly assignments: ReadonlyMap<string, CompiledAssignment>;
}

export type CompiledRegistry = ReadonlyMap<string, CompiledExperiment>;

/**
 * Checks experiments that several services share, and keeps their types. The result goes to `createExperiments`.
 *
 * @throws ExperimentConfigError
 */
export function defineExperiments<const R extends Registry>(registry: R): R {
  compileRegistry(registry, "experiment.");
  return registry;
}

/** Checks a registry and computes what requests need. The caller's object is not kept. */
export function compileRegistry(registry: unknown, prefix: string): CompiledRegistry {
  if (!isPlainObject(registry)) {
    throw new ExperimentConfigError(
      "ERR_EXPERIMENT",
      'experiments is no object; write experiments: { checkout: { id: "checkout_1", variants: ["control", "express"] } }',
    );
  }
  const compiled = new Map<string, CompiledExperiment>();
  const ids = new Map<string, string>();
  for (const [key, definition] of Object.entries(registry)) {
    const experiment = compileExperiment(key, definition, prefix);
    const other = ids.get(experiment.id);
    if (other !== undefined) {
      throw new ExperimentConfigError(
        "ERR_EXPERIMENT_ID",
        `experiments.${key}.id is "${experiment.id}", as experiments.${other}.id is; give each run an id of its own`,
      );
    }
    ids.set(experiment.id, key);
    compiled.set(key, experiment);
  }
  return compiled;
}

function compileExperiment(key: string, definition: unknown, prefix: string): CompiledExperiment {
  const isKey: boolean = isExperimentKey(key);
  if (!isKey) {
    const why = RESERVED_KEYS.has(key) ? `the key "${key}" is reserved` : `the key "${key}" is not ${KEY_RULE}`;
    throw new ExperimentConfigError("ERR_EXPERIMENT_KEY", `experiments: ${why}; choose another, such as "checkout"`);
  }
  const where = `experiments.${key}`;
  if (typeof definition !== "object" || definition === null || Array.isArray(definition)) {
    throw new ExperimentConfigError("ERR_EXPERIMENT", `${where} is no object; write { id, variants }`);
  }
  const unknown = Object.keys(definition).find((name) => name !== "id" && name !== "variants");
  if (unknown !== undefined) {
    throw new ExperimentConfigError(
      "ERR_UNKNOWN_OPTION",
      `${where}.${unknown} is unknown; an experiment has id and variants`,
    );
  }
  const id: unknown = "id" in definition ? definition.id : undefined;
  if (!isExperimentName(id)) {
    const wrong = id === undefined ? "is missing" : `is ${show(id)}`;
    throw new ExperimentConfigError(
      "ERR_EXPERIMENT_ID",
      `${where}.id ${wrong}; write ${NAME_RULE}, such as "${key}_2026q1"`,
    );
  }
  const weights = compileWeights(where, "variants" in definition ? definition.variants : undefined);
  const assignments = new Map<string, CompiledAssignment>();
  for (const variant of weights.keys()) {
    assignments.set(variant, compileAssignment({ key, id, variant, forced: false }, prefix, true));
  }
  return Object.freeze({ key, id, assignments });
}

const VARIANTS_MEND = 'write a list such as ["control", "express"], or their weights, { control: 9, express: 1 }';

function compileWeights(where: string, variants: unknown): ReadonlyMap<string, number> {
  if (typeof variants !== "object" || variants === null) {
    const wrong = variants === undefined ? "is missing" : `is ${show(variants)}`;
    throw new ExperimentConfigError("ERR_NO_VARIANTS", `${where}.variants ${wrong}; ${VARIANTS_MEND}`);
  }
  const entries: [unknown, unknown][] = Array.isArray(variants)
    ? Array.from(variants, (variant: unknown) => [variant, 1])
    : Object.entries(variants);
  if (entries.length === 0) {
    throw new ExperimentConfigError("ERR_NO_VARIANTS", `${where}.variants is empty; ${VARIANTS_MEND}`);
  }
  const weights = new Map<string, number>();
  for (const [variant, weight] of entries) {
    if (!isExperimentName(variant)) {
      throw new ExperimentConfigError(
        "ERR_VARIANT",
        `${where}.variants holds ${show(variant)}, which is not ${NAME_RULE}; name it so, such as "one_click"`,
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

/** A Map or a RegExp has no entries of its own, and would pass for an empty registry. */
function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
