/**
 * State that all instances in a process share, and all copies of this package in it. Each folder keeps slots of its
 * own, so that two versions of the package differ slot by slot: the name of a slot ends in a version, which changes
 * together with the shape of its value.
 *
 * @param name such as `scopes.v1`
 * @param make the value, if no copy of the package has made it yet
 * @returns a function that gives the value
 */
export function processWide<T extends object>(name: string, make: () => T): () => T {
  const key = Symbol.for(`otel-experiments.${name}`);
  let value: T | undefined;
  return () => (value ??= findOrMake(key, make));
}

function findOrMake<T extends object>(key: symbol, make: () => T): T {
  const found: unknown = Object.getOwnPropertyDescriptor(globalThis, key)?.value;
  // why: under our own symbol, whose name holds the version of the shape, there are only values of this type
  if (found !== undefined) return found as T;
  const made = make();
  Object.defineProperty(globalThis, key, { value: made });
  return made;
}
