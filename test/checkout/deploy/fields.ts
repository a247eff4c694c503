import { Ajv, type SchemaObject } from "ajv";

export const text = { type: "string" };
export const integer = { type: "integer" };
export const flag = { type: "boolean" };
/** A length of time as Go writes it: `1s`, `200ms`, `720h`. */
export const duration = { type: "string", pattern: "^([0-9]+(\\.[0-9]+)?(ms|s|m|h))+$" };

export const listOf = (items: SchemaObject): SchemaObject => ({ type: "array", items, minItems: 1 });

/** Any names, each with a value of this form. */
export const mapOf = (values: SchemaObject, names = ".*"): SchemaObject => ({
  type: "object",
  patternProperties: { [names]: values },
  additionalProperties: false,
});

/** These fields and no other; so a misspelt one is found. */
export const fields = (properties: Readonly<Record<string, SchemaObject>>, ...required: string[]): SchemaObject => ({
  type: "object",
  properties,
  required,
  additionalProperties: false,
});

const ajv = new Ajv({ allErrors: true, allowUnionTypes: true });

/** @returns what is wrong with the value, one line each, such as `/services/cart must have required property 'image'` */
export function faults(schema: SchemaObject, value: unknown): readonly string[] {
  const validate = ajv.compile(schema);
  validate(value);
  return (validate.errors ?? []).map(
    ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
  );
}
