/**
 * State that all instances and all copies of this package in a process share. Each folder keeps slots of its own. The
 * name of a slot ends in a version, which changes with the shape of its value: two versions of the package share every
 * slot whose shape is the same.
 *
 * The state is a property of `globalThis` itself, which is neither changed nor removed. If something else is there that
 * cannot be replaced, this copy of the package keeps its own state. Other code of the process can still change the state.
 *
 * @param name such as `scopes.v1`
 * @param make makes the value, if no copy of the package has made it yet
 * @returns a function that gives the value
 */
export function processWide<T extends object>(name: string, make: () => T): () => T {
  const key = Symbol.for(`otel-experiments.${name}`);
  let value: T | undefined;
  return () => (value ??= findOrMake(key, make()));
}

function findOrMake<T extends object>(key: symbol, made: T): T {
  const found: unknown = Object.getOwnPropertyDescriptor(globalThis, key)?.value;
  if (hasShapeOf(found, made)) return found;
  Reflect.defineProperty(globalThis, key, { value: made });
  return made;
}

/** Whether a value is of the class, and has the properties, of another one. */
function hasShapeOf<T extends object>(value: unknown, other: T): value is T {
  if (typeof value !== "object" || value === null) return false;
  return (
    Object.getPrototypeOf(value) === Object.getPrototypeOf(other) &&
    Object.keys(other).every((name) => Object.hasOwn(value, name))
  );
}
