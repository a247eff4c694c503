const KEY = /^[a-z][a-z0-9_]{0,31}$/;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** Attribute names or members have these words in the place of a key, so no experiment may have one as its key. */
export const RESERVED_KEYS: ReadonlySet<string> = new Set([
  "id",
  "variant",
  "forced",
  "conversion",
  "subject",
  "primary",
]);

export const KEY_RULE = "a lower-case letter, then up to 31 of a-z, 0-9 and _";
export const NAME_RULE = "a letter or digit, then up to 63 of A-Z, a-z, 0-9, dot, hyphen and underscore";

/** Whether a value can be an experiment's key: safe as a part of a baggage key and of an attribute's name. */
export function isExperimentKey(text: unknown): text is string {
  return typeof text === "string" && KEY.test(text) && !RESERVED_KEYS.has(text);
}

/** Whether a value can be an experiment's id or a variant: safe in a header, an attribute and a query without encoding. */
export function isExperimentName(text: unknown): text is string {
  return typeof text === "string" && NAME.test(text);
}
