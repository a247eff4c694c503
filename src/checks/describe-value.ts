/** A wrong value as it can stand in a message. Never throws, whatever the value does when it is looked at. */
export function describeValue(value: unknown): string {
  try {
    return describe(value);
  } catch {
    return "what cannot be looked at";
  }
}

function describe(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 80));
  if (typeof value === "function") return "a function";
  if (value instanceof RegExp) return `the regular expression ${String(value)}`;
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "an array" : "an object";
  return String(value);
}
