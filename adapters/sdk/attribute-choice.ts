import type { Attributes } from "@opentelemetry/api";
import {
  describeValue,
  ExperimentConfigError,
  type GivenOptions,
  isExperimentKey,
  KEY_RULE,
  listOf,
  namesExperiment,
  type RequestScope,
} from "../../src/sdk-adapter.ts";

/** Which attributes of a scope a processor writes. */
export interface AttributeOptions {
  /** The keys of the experiments to write. Default: all. */
  readonly experiments?: readonly string[];
  /**
   * `"flat"` (default): `experiment.id` and `experiment.variant`, of one assignment. `"keyed"`:
   * `experiment.<key>.id`, `.variant` and `.forced`, of each. Or `"both"`.
   */
  readonly attributes?: "flat" | "keyed" | "both";
}

export const ATTRIBUTE_OPTION_NAMES: readonly ["experiments", "attributes"] = ["experiments", "attributes"];

/** A span or a log record that can still take attributes. */
export interface AttributeTarget {
  readonly attributes: Readonly<Record<string, unknown>>;
  setAttribute(name: string, value: string | number | boolean | string[]): unknown;
}

/** The compiled options. Attributes that are already there are never changed. */
export class AttributeChoice {
  readonly #keys: ReadonlySet<string> | undefined;
  readonly #flat: boolean;
  readonly #keyed: boolean;
  readonly #signal: "span" | "log";

  /** @throws ExperimentConfigError */
  constructor(signal: "span" | "log", options: GivenOptions<"experiments" | "attributes">) {
    this.#signal = signal;
    const keys = listOf("experiments", options.experiments, isExperimentKey, `keys of experiments: ${KEY_RULE}`);
    this.#keys = keys === undefined ? undefined : new Set(keys);
    const { attributes = "flat" } = options;
    if (attributes !== "flat" && attributes !== "keyed" && attributes !== "both") {
      throw new ExperimentConfigError(
        "ERR_OPTION_VALUE",
        `attributes is ${describeValue(attributes)}; write "flat", "keyed" or "both"`,
      );
    }
    this.#flat = attributes !== "keyed";
    this.#keyed = attributes !== "flat";
  }

  /** Writes the attributes of a scope and of the scopes around it. */
  write(target: AttributeTarget, latest: RequestScope): void {
    for (let scope: RequestScope | undefined = latest; scope !== undefined; scope = scope.outer) {
      writeFields(target, scope.knownFields?.attributes(this.#signal));
    }
    if (this.#flat) this.#writeFlat(target, latest);
    if (!this.#keyed) return;
    for (let scope: RequestScope | undefined = latest; scope !== undefined; scope = scope.outer) {
      for (const { key, keyedAttributes } of scope.compiled) if (this.#takes(key)) add(target, keyedAttributes);
    }
  }

  /**
   * Writes one flat pair. If several instances have a scope on the request, it is the pair of the latest that has one.
   */
  #writeFlat(target: AttributeTarget, latest: RequestScope): void {
    for (let scope: RequestScope | undefined = latest; scope !== undefined; scope = scope.outer) {
      const { flat } = scope;
      if (flat === undefined || !this.#takes(flat.key)) continue;
      // If the record already names an experiment, write neither: the own variant beside another id would name an
      // experiment that does not exist.
      if (!namesExperiment(target.attributes)) add(target, flat.flatPair);
      return;
    }
  }

  #takes(key: string): boolean {
    return this.#keys === undefined || this.#keys.has(key);
  }
}

/** Writes each attribute that the target does not have. */
function writeFields(target: AttributeTarget, attributes: Attributes | undefined): void {
  if (attributes === undefined) return;
  for (const [name, value] of Object.entries(attributes)) {
    if (name in target.attributes || value === undefined || value === null) continue;
    // why: a field has one of these types; a list is copied, because the SDK may keep it
    target.setAttribute(name, Array.isArray(value) ? ([...value] as string[]) : (value as string | number | boolean));
  }
}

/** Writes all attributes, or none if the target has one of them. */
function add(target: AttributeTarget, attributes: Attributes): void {
  for (const name in attributes) if (name in target.attributes) return;
  for (const name in attributes) {
    const value = attributes[name];
    if (typeof value === "string" || typeof value === "boolean") target.setAttribute(name, value);
  }
}
