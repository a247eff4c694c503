import type { CompiledField, CompiledFields } from "./compiled-fields.ts";
import type { FieldValue } from "./field.ts";
import { looksSensitive } from "./sensitive-values.ts";

/** A value that a request has. */
export interface StandingField {
  readonly field: CompiledField;
  readonly value: FieldValue;
  /** As it is written, before it is percent-encoded: equal values are the same text. */
  readonly text: string;
}

/** Why a member does not count. */
type FieldRejection = "malformed" | "sensitive" | "duplicate";

/** The value that a text on the wire has for a field, or why it does not count. */
export function readField(field: CompiledField, text: string): StandingField | "malformed" | "sensitive" {
  const value = field.codec.decode(text);
  if (value === undefined) return "malformed";
  // Choices were checked where the field was declared.
  const isFree = field.notSensitive || field.choices !== undefined;
  return !isFree && looksSensitive(value) ? "sensitive" : { field, value, text };
}

/**
 * The fields that a trusted caller sent, each once: the first valid one counts.
 *
 * @param reject is called for each member that does not count
 * @param members names and decoded values by turns
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
