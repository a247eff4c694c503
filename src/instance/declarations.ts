import type { CompiledExperiment } from "../assignment/registry.ts";
import { compileRegistry } from "../assignment/registry.ts";
import { DEFAULT_PREFIX } from "../baggage/own.ts";
import { type CompiledField, compileFields } from "../fields/compiled-fields.ts";
import { isField } from "../fields/field.ts";
import { INSTANCE } from "../instance/handle.ts";
import type { Instance } from "./instance.ts";

/** A declared experiment, for people and programs that read declarations. */
export interface DescribedExperiment {
  readonly key: string;
  readonly id: string;
  /** In the order of declaration. A share is a fraction of the subjects that take part; all add up to 1. */
  readonly variants: readonly { readonly name: string; readonly share: number }[];
  readonly status: "running" | "stopped";
  readonly coverage: number;
  readonly assigner: boolean;
  /** Its members in the `baggage` header, with `<variant>` in place of the variant. */
  readonly wire: string;
}

/** A declared field. */
export interface DescribedField {
  readonly name: string;
  readonly type: string;
  readonly on: readonly string[];
  readonly mutable: boolean;
  readonly wire: string;
}

/** The experiments and fields that a value declares. */
export interface Declarations {
  readonly experiments: readonly DescribedExperiment[];
  readonly fields: readonly DescribedField[];
}

/**
 * The declarations of a result of `createExperiments`, of a registry of experiments, or of fields; undefined for any
 * other value.
 *
 * @throws ExperimentConfigError for a value in the form of a registry or of fields that is wrong
 */
export function declarationsOf(value: unknown): Declarations | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (INSTANCE in value) {
    const { catalog, options } = value[INSTANCE] as Instance; // why: createExperiments puts it there
    return {
      experiments: describeRegistry(catalog.declared.values(), options.reader.prefix),
      fields: [...options.fields.values()].map(describeField),
    };
  }
  const parts = partsOf(value);
  if (parts.length === 0 || isField(value)) return undefined;
  if (parts.every(isField)) {
    const fields = [...compileFields(value, DEFAULT_PREFIX).values()];
    return { experiments: [], fields: fields.map(describeField) };
  }
  if (!parts.every(isDefinition)) return undefined;
  const registry = compileRegistry(value, DEFAULT_PREFIX);
  return { experiments: describeRegistry(registry.values(), DEFAULT_PREFIX), fields: [] };
}

/** An export may have getters that throw; then it declares nothing. */
function partsOf(value: object): readonly unknown[] {
  try {
    return Object.values(value);
  } catch {
    return [];
  }
}

function isDefinition(value: unknown): boolean {
  return typeof value === "object" && value !== null && "id" in value && "variants" in value;
}

function describeRegistry(experiments: Iterable<CompiledExperiment>, prefix: string): readonly DescribedExperiment[] {
  return Array.from(experiments, (experiment) => describeExperiment(experiment, prefix));
}

function describeExperiment(
  { key, id, weights, isRunning, coverage, assigner }: CompiledExperiment,
  prefix: string,
): DescribedExperiment {
  const total = [...weights.values()].reduce((sum, weight) => sum + weight, 0);
  return {
    key,
    id,
    variants: Array.from(weights, ([name, weight]) => ({ name, share: weight / total })),
    status: isRunning ? "running" : "stopped",
    coverage,
    assigner: assigner !== undefined,
    wire: `${prefix}${key}.variant=<variant>,${prefix}${key}.id=${id}`,
  };
}

function describeField({ name, type, signals, mutable, wire }: CompiledField): DescribedField {
  return { name, type, on: signals, mutable, wire: `${name}=${wire}` };
}
