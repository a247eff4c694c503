import { types } from "node:util";

/**
 * A copy of the options that a caller gave, in which members can be replaced. The caller's object stays as it is. Each
 * member is read once, or, if it is not a plain object, only when the client reads it. Never throws.
 */
export function copyOfGiven(given: object): Record<PropertyKey, unknown> {
  try {
    if (isPlain(given)) return { ...given };
  } catch {
    // A getter threw. It throws again when the client reads it, and that error is the client's answer.
  }
  return new Proxy({}, new LazyCopy(given));
}

/** Whether all that a client can read of an object is what a spread copies. */
function isPlain(given: object): boolean {
  if (types.isProxy(given) || Object.getPrototypeOf(given) !== Object.prototype) return false;
  return Object.getOwnPropertyNames(given).length === Object.keys(given).length;
}

/**
 * The traps of a copy that reads a member from the given object when it is asked for, unless the member was replaced:
 * replaced members are the target's own. The given object may be a Request, whose members are inherited and read
 * private fields, or frozen.
 */
class LazyCopy implements ProxyHandler<Record<PropertyKey, unknown>> {
  readonly #given: object;

  constructor(given: object) {
    this.#given = given;
  }

  get(replaced: object, name: PropertyKey): unknown {
    return Object.hasOwn(replaced, name) ? Reflect.get(replaced, name) : Reflect.get(this.#given, name);
  }

  has(replaced: object, name: PropertyKey): boolean {
    return Object.hasOwn(replaced, name) || Reflect.has(this.#given, name);
  }

  set(replaced: object, name: PropertyKey, value: unknown): boolean {
    return Reflect.defineProperty(replaced, name, { value, writable: true, enumerable: true, configurable: true });
  }

  ownKeys(replaced: object): (string | symbol)[] {
    return [...new Set([...Reflect.ownKeys(this.#given), ...Reflect.ownKeys(replaced)])];
  }

  getOwnPropertyDescriptor(replaced: object, name: PropertyKey): PropertyDescriptor | undefined {
    const own = Reflect.getOwnPropertyDescriptor(replaced, name);
    if (own !== undefined) return own;
    const given = Reflect.getOwnPropertyDescriptor(this.#given, name);
    // What is not the target's own has to be configurable.
    return given && { ...given, configurable: true };
  }

  getPrototypeOf(): object | null {
    return Reflect.getPrototypeOf(this.#given);
  }
}
