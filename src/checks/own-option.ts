/**
 * A property that an object of options has itself or by its class; undefined if it has none. What every object inherits
 * is no option: a polluted `Object.prototype` sets none.
 */
export function ownOption<Options extends object, Name extends keyof Options & string>(
  options: Options | undefined,
  name: Name,
): Options[Name] | undefined;
export function ownOption(options: unknown, name: string): unknown;
export function ownOption(options: unknown, name: string): unknown {
  for (let holder = options; typeof holder === "object" && holder !== null; ) {
    const above: unknown = Object.getPrototypeOf(holder);
    if (above === null && holder !== options) return undefined;
    if (Object.hasOwn(holder, name)) return Reflect.get(holder, name, options);
    holder = above;
  }
  return undefined;
}

/** An environment variable. `process.env` inherits from `Object.prototype` too. */
export function variableIn(
  environment: Readonly<Record<string, string | undefined>>,
  name: string,
): string | undefined {
  return Object.hasOwn(environment, name) ? environment[name] : undefined;
}
