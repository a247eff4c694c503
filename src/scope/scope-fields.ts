import type { Attributes } from "@opentelemetry/api";
import { percentEncode } from "../baggage/percent.ts";
import type { CompiledFields } from "../fields/compiled-fields.ts";
import type { FieldSignal, FieldValue } from "../fields/field.ts";
import type { StandingField } from "../fields/read-fields.ts";

/** The fields of one scope. */
export class ScopeFields {
  readonly #declared: CompiledFields;
  readonly #onChange: (written: Attributes | undefined) => void;
  readonly #standing = new Map<string, StandingField>();
  /** By signal; made on first use, and again after each change. */
  readonly #attributes = new Map<FieldSignal, Attributes | undefined>();

  /** @param onChange called on each change with the attributes for the server span; undefined if there are none */
  constructor(declared: CompiledFields, onChange: (written: Attributes | undefined) => void) {
    this.#declared = declared;
    this.#onChange = onChange;
  }

  get(name: string): FieldValue | undefined {
    return this.#standing.get(name)?.value;
  }

  /** The text of a field in `baggage`. */
  textOf(name: string): string | undefined {
    return this.#standing.get(name)?.text;
  }

  /** Sets fields whose values have been checked; they replace earlier values. */
  note(fields: readonly StandingField[]): void {
    if (fields.length === 0) return;
    for (const standing of fields) this.#standing.set(standing.field.name, standing);
    this.#attributes.clear();
    const written = fields.filter(({ field }) => field.signals.includes("span"));
    this.#onChange(written.length === 0 ? undefined : attributesOf(written));
  }

  /** The members as in `baggage`, in the order of declaration. */
  get members(): readonly string[] {
    const members: string[] = [];
    for (const name of this.#declared.keys()) {
      const text = this.textOf(name);
      if (text !== undefined) members.push(`${name}=${percentEncode(text)}`);
    }
    return members;
  }

  /** The attributes of a signal; undefined if no field that is declared for it has a value. */
  attributes(signal: FieldSignal): Attributes | undefined {
    if (this.#attributes.has(signal)) return this.#attributes.get(signal);
    const shown = [...this.#standing.values()].filter(({ field }) => field.signals.includes(signal));
    const attributes = shown.length === 0 ? undefined : Object.freeze(attributesOf(shown));
    this.#attributes.set(signal, attributes);
    return attributes;
  }
}

/** Copies lists: the SDK may keep the given list, and its type asks for a mutable one. */
function attributesOf(fields: readonly StandingField[]): Attributes {
  return Object.fromEntries(
    fields.map(({ field, value }) => [field.name, typeof value === "object" ? [...value] : value]),
  );
}
