import type { Attributes } from "@opentelemetry/api";
import { percentEncode } from "../baggage/percent.ts";
import type { CompiledField } from "../fields/compiled-fields.ts";
import type { FieldAccess, FieldSignal, FieldValue } from "../fields/field.ts";
import type { RequestScope } from "./request-scope.ts";

/** A value that a request has. */
export interface StandingField {
  readonly field: CompiledField;
  readonly value: FieldValue;
  /** As it is written, before it is percent-encoded: equal values are the same text. */
  readonly text: string;
}

/** The fields of one scope. */
export class ScopeFields implements FieldAccess {
  readonly #scope: RequestScope;
  readonly #standing = new Map<string, StandingField>();
  /** By signal, made when it is asked for; again after each change. */
  readonly #attributes = new Map<FieldSignal, Attributes | undefined>();

  constructor(scope: RequestScope) {
    this.#scope = scope;
  }

  get(name: string): FieldValue | undefined {
    const standing = this.#standing.get(name);
    if (standing === undefined) this.#scope.owner.checkField(name);
    return standing?.value;
  }

  set(name: string, value: FieldValue): boolean {
    return this.#scope.owner.setField(this.#scope, name, value);
  }

  /** What a field is, as its text on the wire. */
  textOf(name: string): string | undefined {
    return this.#standing.get(name)?.text;
  }

  /** Notes values that keep their declarations, in the place of those that stand. */
  note(fields: readonly StandingField[]): void {
    if (fields.length === 0) return;
    for (const standing of fields) this.#standing.set(standing.field.name, standing);
    this.#attributes.clear();
    const written = fields.filter(({ field }) => field.signals.includes("span"));
    this.#scope.fieldsChanged(written.length === 0 ? undefined : attributesOf(written));
  }

  /** The members as they stand on the wire, in the order of declaration. */
  get members(): readonly string[] {
    const members: string[] = [];
    for (const name of this.#scope.owner.fields.keys()) {
      const text = this.textOf(name);
      if (text !== undefined) members.push(`${name}=${percentEncode(text)}`);
    }
    return members;
  }

  /** What a signal bears of them; undefined where it bears nothing. */
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
