/** The objects that are decorated: a provider gives out the same tracer or logger repeatedly. */
const decorated = new WeakSet<object>();

/** True if an object is seen for the first time. */
export function isNew(target: object): boolean {
  if (decorated.has(target)) return false;
  decorated.add(target);
  return true;
}

/**
 * Replaces a method by an own property of the object. The object stays the same one, with its class and its private
 * state, so code that already has it gets the new method.
 *
 * @throws TypeError if the object has no such method, or takes no property
 */
export function replaceMethod<T extends object, K extends keyof T & string>(
  target: T,
  name: K,
  replacement: (original: Extract<T[K], (...args: never[]) => unknown>) => T[K],
): void {
  const original = target[name];
  if (typeof original !== "function") throw new TypeError(`there is no method ${name}`);
  // why: it is a function, and Extract keeps only the function type
  const value = replacement(original as Extract<T[K], (...args: never[]) => unknown>);
  Object.defineProperty(target, name, { value, configurable: true, enumerable: false, writable: true });
}
