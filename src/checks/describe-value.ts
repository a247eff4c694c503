/** Describes a wrong value for a message. Never throws, even if the value's own code throws. */
export function describeValue(value: unknown): string {
  try {
    return describe(value);
  } catch {
    return "a value that cannot be inspected";
  }
}

function describe(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 80));
  if (typeof value === "function") return "a function";
  if (value instanceof RegExp) return `the regular expression ${String(value)}`;
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "an array" : "an object";
  return String(value);
}
