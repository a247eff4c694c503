import { DEFAULT_PREFIX } from "../baggage/own.ts";
import { describeValue } from "../checks/describe-value.ts";
import { ExperimentConfigError } from "../checks/errors.ts";
import { checkOptions } from "../checks/option-checks.ts";
import { type CompiledAssignment, compileAssignment } from "./assignment.ts";
import { type Bucketing, compileBucketing, type NamespaceShare } from "./bucketing.ts";
import type { Assigner, CheckedRegistry, ExperimentDefinition, Registry } from "./definition.ts";
import { isExperimentKey, isExperimentName, KEY_RULE, NAME_RULE, RESERVED_KEYS } from "./names.ts";
import { compileWeights } from "./weights.ts";

/** A declared experiment, compiled for requests. */
export interface CompiledExperiment {
  readonly key: string;
  readonly id: string;
  /** The assignment to each declared variant, shared by all requests that have it. */
  readonly assignments: ReadonlyMap<string, CompiledAssignment>;
  readonly variants: readonly string[];
  /** By variant, as declared: not normalised. */
  readonly weights: ReadonlyMap<string, number>;
  /** The share of the subjects that take part. */
  readonly coverage: number;
  readonly isRunning: boolean;
  readonly targeting: ((attributes: object) => unknown) | undefined;
  readonly bucketOf: Bucketing;
  readonly assigner: Assigner | undefined;
  readonly timeLimitMs: number;
  readonly fallback: string | undefined;
}

export type CompiledRegistry = ReadonlyMap<string, CompiledExperiment>;

/**
 * Checks experiments that several services share, and keeps their types. Pass the result to `createExperiments`.
 *
 * @throws ExperimentConfigError
 */
export function defineExperiments<const R extends Registry>(registry: R & CheckedRegistry<R>): R {
  compileRegistry(registry, DEFAULT_PREFIX);
  return registry;
}

/** Checks a registry and compiles it for requests. The given object is not kept. @throws ExperimentConfigError */
export function compileRegistry(registry: unknown, prefix: string): CompiledRegistry {
  if (!isPlainObject(registry)) {
    throw new ExperimentConfigError(
      "ERR_EXPERIMENT",
      'experiments is not an object; write experiments: { checkout: { id: "checkout_1", variants: ["control", "express"] } }',
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
        `experiments.${key}.id is "${experiment.id}", the same as experiments.${other}.id; give each run its own id`,
      );
    }
    ids.set(experiment.id, key);
    compiled.set(key, experiment);
  }
  return compiled;
}

const DEFINITION_NAMES: readonly (keyof ExperimentDefinition)[] = [
  "id",
  "variants",
  "seed",
  "coverage",
  "namespace",
  "targeting",
  "status",
  "assigner",
  "timeLimitMs",
  "fallback",
];

/** A page waits for an assigner; a longer wait is worse than the fallback. */
const DEFAULT_TIME_LIMIT_MS = 250;
const MAX_TIME_LIMIT_MS = 60_000;

function compileExperiment(key: string, definition: unknown, prefix: string): CompiledExperiment {
  const isKey: boolean = isExperimentKey(key);
  if (!isKey) {
    const why = RESERVED_KEYS.has(key) ? `the key "${key}" is reserved` : `the key "${key}" is not ${KEY_RULE}`;
    throw new ExperimentConfigError("ERR_EXPERIMENT_KEY", `experiments: ${why}; choose another, such as "checkout"`);
  }
  const where = `experiments.${key}`;
  if (typeof definition !== "object" || definition === null || Array.isArray(definition)) {
    throw new ExperimentConfigError("ERR_EXPERIMENT", `${where} is not an object; write { id, variants }`);
  }
  const given = checkOptions(where, definition, DEFINITION_NAMES);
  const { id, seed = id, coverage = 1, targeting, status = "running", assigner, fallback } = given;
  const { timeLimitMs = DEFAULT_TIME_LIMIT_MS } = given;
  const refuse = (option: string, value: unknown, instead: string): ExperimentConfigError =>
    new ExperimentConfigError("ERR_EXPERIMENT", `${where}.${option} is ${describeValue(value)}; write ${instead}`);
  if (!isExperimentName(id)) {
    const wrong = id === undefined ? "is missing" : `is ${describeValue(id)}`;
    throw new ExperimentConfigError(
      "ERR_EXPERIMENT_ID",
      `${where}.id ${wrong}; write ${NAME_RULE}, such as "${key}_2026q1"`,
    );
  }
  const weights = compileWeights(where, given.variants);
  if (typeof seed !== "string" || seed === "") throw refuse("seed", seed, "a text that is not empty");
  if (!isShare(coverage)) throw refuse("coverage", coverage, "a share from 0 to 1");
  if (targeting !== undefined && typeof targeting !== "function") {
    throw refuse("targeting", targeting, "(attributes) => boolean");
  }
  if (status !== "running" && status !== "stopped") throw refuse("status", status, '"running" or "stopped"');
  if (assigner !== undefined && typeof assigner !== "function") {
    throw refuse("assigner", assigner, "(request) => variant, or a promise of it");
  }
  if (typeof timeLimitMs !== "number" || !(timeLimitMs > 0 && timeLimitMs <= MAX_TIME_LIMIT_MS)) {
    throw refuse("timeLimitMs", timeLimitMs, `milliseconds, more than 0 and at most ${MAX_TIME_LIMIT_MS}`);
  }
  if (fallback !== undefined && (typeof fallback !== "string" || !weights.has(fallback))) {
    throw refuse("fallback", fallback, `one of its variants: ${[...weights.keys()].join(", ")}`);
  }
  const assignments = new Map<string, CompiledAssignment>();
  for (const variant of weights.keys()) {
    assignments.set(variant, compileAssignment({ key, id, variant, forced: false }, { prefix, countable: true }));
  }
  return Object.freeze({
    key,
    id,
    assignments,
    variants: Object.freeze([...weights.keys()]),
    weights,
    coverage,
    isRunning: status === "running",
    targeting:
      targeting === undefined ? undefined : (attributes: object) => Reflect.apply(targeting, undefined, [attributes]),
    bucketOf: compileBucketing({ seed, weights, coverage, namespace: compileNamespace(where, given.namespace) }),
    // why: only that it is a function can be checked here; each answer is checked when it is called
    assigner: assigner as Assigner | undefined,
    timeLimitMs,
    fallback,
  });
}

function compileNamespace(where: string, namespace: unknown): NamespaceShare | undefined {
  if (namespace === undefined) return undefined;
  const { name, range }: Readonly<Record<"name" | "range", unknown>> = {
    name: undefined,
    range: undefined,
    ...(typeof namespace === "object" ? namespace : {}),
  };
  const [from, to]: readonly unknown[] = Array.isArray(range) && range.length === 2 ? range : [];
  if (typeof name === "string" && name !== "" && isShare(from) && isShare(to) && from < to) return { name, from, to };
  throw new ExperimentConfigError(
    "ERR_EXPERIMENT",
    `${where}.namespace is ${describeValue(namespace)}; write { name: "checkout_page", range: [0, 0.5] }, a range within 0 and 1`,
  );
}

function isShare(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value <= 1;
}

/** False for a Map or a RegExp: without own entries, it would count as an empty registry. */
function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
