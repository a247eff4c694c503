import type { Attributes } from "@opentelemetry/api";

/** Names beyond this are counted but not listed on the span. */
const MAX_LISTED = 16;

interface Conversions {
  readonly names: string[];
  value: number | undefined;
}

/** The exposures and conversions of one request. */
export class ScopeOutcomes {
  readonly #exposed = new Set<string>();
  readonly #conversions = new Map<string, Conversions>();

  /** True the first time for each key. */
  markExposed(key: string): boolean {
    if (this.#exposed.has(key)) return false;
    this.#exposed.add(key);
    return true;
  }

  hasExposed(key: string): boolean {
    return this.#exposed.has(key);
  }

  /** Adds a conversion. The result is the server span's new attributes: the names, and the sum of the values. */
  addConversion(key: string, name: string, value: number | undefined): Attributes {
    let conversions = this.#conversions.get(key);
    if (conversions === undefined) {
      conversions = { names: [], value: undefined };
      this.#conversions.set(key, conversions);
    }
    const { names } = conversions;
    if (names.length < MAX_LISTED && !names.includes(name)) names.push(name);
    if (value !== undefined) conversions.value = Math.min((conversions.value ?? 0) + value, Number.MAX_VALUE);
    return {
      [`experiment.${key}.conversions`]: [...names],
      ...(conversions.value === undefined ? {} : { [`experiment.${key}.conversion.value`]: conversions.value }),
    };
  }
}
