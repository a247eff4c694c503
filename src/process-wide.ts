/**
 * State that all instances and all copies of this package in a process share. Each folder keeps slots of its own. The
 * name of a slot ends in a version, which changes with the shape of its value: two versions of the package share every
 * slot whose shape is the same.
 *
 * @param name such as `scopes.v1`
 * @param make makes the value, if no copy of the package has made it yet
 * @returns a function that gives the value
 */
export function processWide<T extends object>(name: string, make: () => T): () => T {
  const key = Symbol.for(`otel-experiments.${name}`);
  let value: T | undefined;
  return () => (value ??= findOrMake(key, make));
}

function findOrMake<T extends object>(key: symbol, make: () => T): T {
  const found: unknown = Object.getOwnPropertyDescriptor(globalThis, key)?.value;
  // why: only this package writes under this symbol, and the name holds the version of the shape
  if (found !== undefined) return found as T;
  const made = make();
  Object.defineProperty(globalThis, key, { value: made });
  return made;
}
