/** Declared fields: context that services share beside variants. */
export { boolean, type IntegerOptions, integer, type ListOptions, list, oneOf, text } from "./builders.ts";
export { defineFields } from "./compiled-fields.ts";
export type {
  ClosedField,
  Field,
  FieldAccess,
  FieldName,
  FieldSignal,
  Fields,
  FieldValue,
  FieldValueOf,
} from "./field.ts";
export type { TextOptions } from "./text-rules.ts";
