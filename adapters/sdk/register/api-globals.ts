import { API, API_LOGS, attempt, loggerProviderOf } from "../../../src/sdk-adapter.ts";

/**
 * Returns the part to register: the given part, decorated in place, or another one that wraps it.
 *
 * @param wasThere true if the part was registered before this package was loaded, so other code may already have taken
 * objects from it
 */
export type Decorate = (part: object, wasThere: boolean) => object;

/** Decorators by the names under which the API registers its parts. Undefined: the part stays unchanged. */
export interface Decorators {
  readonly trace: Decorate | undefined;
  readonly metrics: Decorate | undefined;
  readonly logs: Decorate | undefined;
  readonly propagation: Decorate | undefined;
}

/** Decorates the parts that are registered with OpenTelemetry's API, now and later. */
export function decorateApiGlobals(decorators: Decorators): void {
  whenGlobal(API, (registry, wasThere) => {
    if (typeof registry === "object" && registry !== null) decorateRegistry(registry, decorators, wasThere);
  });
  const { logs } = decorators;
  if (logs === undefined) return;
  whenGlobal(API_LOGS, (getProvider, wasThere) => {
    const provider = loggerProviderOf(getProvider);
    // The API also passes the provider to its proxies, not only to this global. So the provider itself must be
    // decorated.
    if (typeof provider === "object" && provider !== null) logs(provider, wasThere);
  });
}

/**
 * Calls a function with the value of a global, now or when it is first set. A global that is set later becomes a plain
 * property.
 */
function whenGlobal(name: symbol, act: (value: unknown, wasThere: boolean) => void): void {
  const decorate = (value: unknown, wasThere: boolean): void => {
    attempt("register", "OpenTelemetry's API could not be decorated", () => act(value, wasThere));
  };
  const present: unknown = Reflect.get(globalThis, name);
  if (present !== undefined) return decorate(present, true);
  Object.defineProperty(globalThis, name, {
    configurable: true,
    get: () => undefined,
    set(value: unknown) {
      Reflect.deleteProperty(globalThis, name);
      Reflect.set(globalThis, name, value);
      decorate(value, false);
    },
  });
}

/**
 * Decorates each part when it is set. The API reads parts very often, so a part stays a plain property. The setters are
 * on the prototype, so they apply again when `disable()` has deleted the part.
 */
function decorateRegistry(registry: object, decorators: Decorators, wasThere: boolean): void {
  const setters: object = Object.create(Object.getPrototypeOf(registry));
  for (const [name, decorate] of Object.entries<Decorate | undefined>({ ...decorators })) {
    if (decorate === undefined) continue;
    const register = (part: unknown, wasThereToo: boolean): void => {
      const value = typeof part === "object" && part !== null ? decorated(name, part, decorate, wasThereToo) : part;
      Object.defineProperty(registry, name, { value, configurable: true, enumerable: true, writable: true });
    };
    Object.defineProperty(setters, name, {
      configurable: true,
      get: () => undefined,
      set: (part: unknown) => register(part, false),
    });
    if (Object.hasOwn(registry, name)) register(Reflect.get(registry, name), wasThere);
  }
  Object.setPrototypeOf(registry, setters);
}

function decorated(name: string, part: object, decorate: Decorate, wasThere: boolean): object {
  return attempt("register", `OpenTelemetry's ${name} could not be decorated`, () => decorate(part, wasThere)) ?? part;
}
