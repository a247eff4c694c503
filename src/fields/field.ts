/** What a field can hold. */
export type FieldValue = string | number | boolean | readonly string[];

/** Where a field goes beside the wire. */
export type FieldSignal = "span" | "log" | "metric";

/** Whether a value may be written, and how; what is read from a text. Nothing here throws. */
interface FieldCodec<T extends FieldValue = FieldValue> {
  /** Whether a value of the caller's, of whatever type, keeps the declaration. */
  accepts(value: unknown): value is T;
  /** The text on the wire, before it is percent-encoded. */
  encode(value: T): string;
  /** Undefined for a text that breaks the declaration, or that `encode` would not have written. */
  decode(text: string): T | undefined;
}

/** A field as it is declared. */
export interface FieldPlan<T extends FieldValue = FieldValue> {
  /** For people: `"free" | "premium"`. */
  readonly type: string;
  /** For people: the form of the text on the wire, `<decimal>`. */
  readonly wire: string;
  /** All its values, where they are few and known, so that measurements can bear them. */
  readonly choices: readonly T[] | undefined;
  readonly signals: readonly FieldSignal[];
  readonly mutable: boolean;
  /** Whether neither its name nor its values are checked for secrets and personal data. */
  readonly notSensitive: boolean;
  readonly codec: FieldCodec<T>;
}

/** Where a field keeps what it is; the same in all copies of this package. */
export const FIELD: unique symbol = Symbol.for("otel-experiments.field.v1");

/** One declared field. Never changed: each method gives another one. */
export interface Field<T extends FieldValue = FieldValue> {
  readonly [FIELD]: FieldPlan<T>;
  /** The field, with these signals too. @throws ExperimentConfigError */
  on(...signals: readonly ("span" | "log")[]): Field<T>;
  /** The field, which services may change on the way. */
  mutable(): Field<T>;
  /**
   * The field, declared to be neither a secret nor personal data, though its name or its values look like it: neither is
   * checked.
   */
  notSensitive(): Field<T>;
}

/** A field whose values are few and known: measurements can bear it. */
export interface ClosedField<T extends FieldValue = FieldValue> extends Field<T> {
  on(...signals: readonly FieldSignal[]): ClosedField<T>;
  mutable(): ClosedField<T>;
  notSensitive(): ClosedField<T>;
}

/** The fields that services share, by name. */
export type Fields = Readonly<Record<string, Field>>;

/** The names of declared fields; any string where none are known. */
export type FieldName<F extends Fields> = keyof F & string;

/** The type of one field's value. */
export type FieldValueOf<F extends Fields, K extends FieldName<F>> = F[K] extends Field<infer T> ? T : never;

/** A request's fields. */
export interface FieldAccess<F extends Fields = Fields> {
  /** What a trusted caller sent or this service has set; undefined without it, and outside a request. */
  get<K extends FieldName<F>>(name: K): FieldValueOf<F, K> | undefined;
  /**
   * Sets a field, once unless it is mutable; what it has already stands.
   *
   * @returns whether the value counts
   * @throws ExperimentUsageError for an unknown name, a value that breaks the declaration, or another value than it has,
   * in strict mode only
   */
  set<K extends FieldName<F>>(name: K, value: FieldValueOf<F, K>): boolean;
}

export function isField(value: unknown): value is Field {
  return typeof value === "object" && value !== null && FIELD in value;
}
