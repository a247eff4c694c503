/** Runs a function while every object inherits some properties, as from a polluted `Object.prototype`. */
export function whileInherited<T>(properties: Readonly<Record<string | symbol, PropertyDescriptor>>, run: () => T): T {
  const names = Reflect.ownKeys(properties);
  for (const name of names) Reflect.defineProperty(Object.prototype, name, { ...properties[name], configurable: true });
  try {
    return run();
  } finally {
    for (const name of names) Reflect.deleteProperty(Object.prototype, name);
  }
}
