/** A property of a value of any kind, such as one that was thrown; undefined if there is none or if its getter throws. */
export function propertyOf(value: unknown, name: string | symbol): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  try {
    return Reflect.get(value, name);
  } catch {
    return undefined;
  }
}
