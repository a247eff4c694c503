/**
 * An object that is another one but for some members, and an instance of its class. The other one's methods run on the
 * other one itself, so that what it changes in itself stays in one place.
 */
export function overriding<T extends object>(original: T, members: Partial<T>): T {
  // An empty target: a proxy may not show other values than a frozen one has.
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
