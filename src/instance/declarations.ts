import type { CompiledExperiment } from "../assignment/registry.ts";
import { compileRegistry } from "../assignment/registry.ts";
import { DEFAULT_PREFIX } from "../baggage/own.ts";
import { type CompiledField, compileFields } from "../fields/compiled-fields.ts";
import { isField } from "../fields/field.ts";
import { INSTANCE } from "../instance/handle.ts";
import type { Instance } from "./instance.ts";

/** An experiment as it is declared, for people and programs that read declarations. */
export interface DescribedExperiment {
  readonly key: string;
  readonly id: string;
  /** In the order of declaration. The shares are of the subjects that take part, and add up to 1. */
  readonly variants: readonly { readonly name: string; readonly share: number }[];
  readonly status: "running" | "stopped";
  readonly coverage: number;
  readonly assigner: boolean;
  /** Its members in the `baggage` header, with the names of what stands there. */
  readonly wire: string;
}

/** A field as it is declared. */
export interface DescribedField {
  readonly name: string;
  readonly type: string;
  readonly on: readonly string[];
  readonly mutable: boolean;
  readonly wire: string;
}

/** What an object declares. */
export interface Declarations {
  readonly experiments: readonly DescribedExperiment[];
  readonly fields: readonly DescribedField[];
}

/**
 * What `createExperiments` made, a registry of experiments, or fields; undefined for anything else.
 *
 * @throws ExperimentConfigError for what looks like a registry or like fields, and is wrong
 */
export function declarationsOf(value: unknown): Declarations | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (INSTANCE in value) {
    const { catalog, options } = value[INSTANCE] as Instance; // why: what createExperiments puts there
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

/** Whatever a module exports may have getters that throw; then it declares nothing. */
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
