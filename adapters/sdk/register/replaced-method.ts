/** What has been decorated: the same provider, tracer or logger is given out again and again. */
const decorated = new WeakSet<object>();

/** Whether an object is met for the first time. */
export function isNew(target: object): boolean {
  if (decorated.has(target)) return false;
  decorated.add(target);
  return true;
}

/**
 * Puts a method of an object's own before one that it has. The object stays the one that others hold, with its class and
 * its private state.
 *
 * @throws TypeError where the object has no such method, or takes none
 */
export function replaceMethod<T extends object, K extends keyof T & string>(
  target: T,
  name: K,
  replacement: (original: Extract<T[K], (...args: never[]) => unknown>) => T[K],
): void {
  const original = target[name];
  if (typeof original !== "function") throw new TypeError(`there is no method ${name}`);
  // why: it is a function, which is all that Extract leaves
  const value = replacement(original as Extract<T[K], (...args: never[]) => unknown>);
  Object.defineProperty(target, name, { value, configurable: true, enumerable: false, writable: true });
}
