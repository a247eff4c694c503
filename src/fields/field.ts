/** The types of a field's value. */
export type FieldValue = string | number | boolean | readonly string[];

/** A signal that shows a field. */
export type FieldSignal = "span" | "log" | "metric";

/** Checks, encodes and decodes the values of a field. No method throws. */
interface FieldCodec<T extends FieldValue = FieldValue> {
  /** Whether a value of any type fits the declaration. */
  accepts(value: unknown): value is T;
  /** The text on the wire, before it is percent-encoded. */
  encode(value: T): string;
  /** Undefined for a text that breaks the declaration, or that `encode` would not have written. */
  decode(text: string): T | undefined;
}

/** The declaration of a field. */
export interface FieldPlan<T extends FieldValue = FieldValue> {
  /** The type, for people: `"free" | "premium"`. */
  readonly type: string;
  /** The form on the wire, for people: `<decimal>`. */
  readonly wire: string;
  /** All values, if they are few and known, so that metrics can show them; else undefined. */
  readonly choices: readonly T[] | undefined;
  readonly signals: readonly FieldSignal[];
  readonly mutable: boolean;
  /** True: neither the name nor the values are checked for secrets and personal data. */
  readonly notSensitive: boolean;
  readonly codec: FieldCodec<T>;
}

/** The property of a field that holds its declaration; the same in all copies of the package. */
export const FIELD: unique symbol = Symbol.for("otel-experiments.field.v1");

/** One declared field. Immutable: each method returns a new field. */
export interface Field<T extends FieldValue = FieldValue> {
  /** The type of the values, for the compiler alone: no field has this property. */
  readonly valueType?: T;
  /** Adds signals. @throws ExperimentConfigError */
  on(...signals: readonly ("span" | "log")[]): Field<T>;
  /** Lets services change the field on the way. */
  mutable(): Field<T>;
  /**
   * States that the field is neither a secret nor personal data, even if its name or its values look like it: neither is
   * checked.
   */
  notSensitive(): Field<T>;
}

/** A field whose values are few and known, so metrics can show it. */
export interface ClosedField<T extends FieldValue = FieldValue> extends Field<T> {
  on(...signals: readonly FieldSignal[]): ClosedField<T>;
  mutable(): ClosedField<T>;
  notSensitive(): ClosedField<T>;
}

/** The fields that services share, by name. */
export type Fields = Readonly<Record<string, Field>>;

/** The names of declared fields; any string if none are declared. */
export type FieldName<F extends Fields> = keyof F & string;

/** The type of one field's value. */
export type FieldValueOf<F extends Fields, K extends FieldName<F>> = F[K] extends Field<infer T> ? T : never;

/** A request's fields. */
export interface FieldAccess<F extends Fields = Fields> {
  /** The value that a trusted caller sent or this service has set; undefined if there is none, and outside a request. */
  get<K extends FieldName<F>>(name: K): FieldValueOf<F, K> | undefined;
  /**
   * Sets a field. Unless the field is mutable, the first value stays.
   *
   * @returns whether the value counts
   * @throws ExperimentUsageError in strict mode, for an unknown name, for a value that breaks the declaration, or for a
   * value that differs from the one that stays
   */
  set<K extends FieldName<F>>(name: K, value: FieldValueOf<F, K>): boolean;
}

export function isField(value: unknown): value is Field {
  return planOf(value) !== undefined;
}

/** The declaration of a field, also of another copy of the package; undefined for any other value. */
export function planOf(value: unknown): FieldPlan | undefined {
  if (typeof value !== "object" || value === null || !(FIELD in value)) return undefined;
  return value[FIELD] as FieldPlan; // why: only this package writes under this symbol
}
