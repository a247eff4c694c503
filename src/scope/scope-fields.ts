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
  /** By signal, made when it is asked for; again after each change. */
  readonly #attributes = new Map<FieldSignal, Attributes | undefined>();

  /** @param onChange given the attributes that the server span is to have; undefined if it is to have none */
  constructor(declared: CompiledFields, onChange: (written: Attributes | undefined) => void) {
    this.#declared = declared;
    this.#onChange = onChange;
  }

  get(name: string): FieldValue | undefined {
    return this.#standing.get(name)?.value;
  }

  /** The text of a field on the wire. */
  textOf(name: string): string | undefined {
    return this.#standing.get(name)?.text;
  }

  /** Takes values that keep their declarations, in the place of those that stand. */
  note(fields: readonly StandingField[]): void {
    if (fields.length === 0) return;
    for (const standing of fields) this.#standing.set(standing.field.name, standing);
    this.#attributes.clear();
    const written = fields.filter(({ field }) => field.signals.includes("span"));
    this.#onChange(written.length === 0 ? undefined : attributesOf(written));
  }

  /** The members as they stand on the wire, in the order of declaration. */
  get members(): readonly string[] {
    const members: string[] = [];
    for (const name of this.#declared.keys()) {
      const text = this.textOf(name);
      if (text !== undefined) members.push(`${name}=${percentEncode(text)}`);
    }
    return members;
  }

  /** The attributes of a signal; undefined if no field is declared for it, or none of those has a value. */
  attributes(signal: FieldSignal): Attributes | undefined {
    if (this.#attributes.has(signal)) return this.#attributes.get(signal);
    const borne = [...this.#standing.values()].filter(({ field }) => field.signals.includes(signal));
    const attributes = borne.length === 0 ? undefined : Object.freeze(attributesOf(borne));
    this.#attributes.set(signal, attributes);
    return attributes;
  }
}

/** The SDK may keep a list that it is given, and its type asks for one that can be changed. */
function attributesOf(fields: readonly StandingField[]): Attributes {
  return Object.fromEntries(
    fields.map(({ field, value }) => [field.name, typeof value === "object" ? [...value] : value]),
  );
}
