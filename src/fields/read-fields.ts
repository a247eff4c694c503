import type { CompiledField, CompiledFields } from "./compiled-fields.ts";
import type { FieldValue } from "./field.ts";
import { looksSensitive } from "./sensitive-values.ts";

/** The value of a field in a request. */
export interface StandingField {
  readonly field: CompiledField;
  readonly value: FieldValue;
  /** The text on the wire, before percent-encoding; the same for equal values. */
  readonly text: string;
}

/** The reason why a member does not count. */
type FieldRejection = "malformed" | "sensitive" | "duplicate";

/** The value of a field from its text on the wire, or the reason why it does not count. */
export function readField(field: CompiledField, text: string): StandingField | "malformed" | "sensitive" {
  const value = field.codec.decode(text);
  if (value === undefined) return "malformed";
  // Choices were checked when the field was declared.
  const isFree = field.notSensitive || field.choices !== undefined;
  return !isFree && looksSensitive(value) ? "sensitive" : { field, value, text };
}

/**
 * The fields that a trusted caller sent. If a field occurs more than once, the first valid value counts.
 *
 * @param reject called for each member that does not count
 * @param members alternating names and decoded values
 */
export function readFields(
  declared: CompiledFields,
  reject: (reason: FieldRejection) => void,
  members: readonly string[],
): readonly StandingField[] {
  const fields = new Map<string, StandingField>();
  for (let i = 0; i < members.length; i += 2) {
    const name = members[i] ?? "";
    const field = declared.get(name);
    if (field === undefined) continue;
    const read = fields.has(name) ? "duplicate" : readField(field, members[i + 1] ?? "");
    if (typeof read === "string") reject(read);
    else fields.set(name, read);
  }
  return [...fields.values()];
}
