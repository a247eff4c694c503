/**
 * An object with the members and the class of another one, except for the given members. The original's methods run on
 * the original, so its state stays in one place.
 */
export function overriding<T extends object>(original: T, members: Partial<T>): T {
  // The target is empty, because a proxy must show a frozen target's own values.
  // why: the proxy below answers for it
  const shell = Object.create(Object.getPrototypeOf(original)) as T;
  return new Proxy(shell, {
    get(_shell, name) {
      if (Object.hasOwn(members, name)) return Reflect.get(members, name);
      const value: unknown = Reflect.get(original, name, original);
      return typeof value === "function" && name !== "constructor" ? value.bind(original) : value;
    },
    set: (_shell, name, value) => Reflect.set(original, name, value, original),
    has: (_shell, name) => Reflect.has(original, name),
  });
}
