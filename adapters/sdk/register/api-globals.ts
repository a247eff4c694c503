import { API_LOGS, attempt, loggerProviderOf } from "../../../src/sdk-adapter.ts";

/**
 * Where the parts of OpenTelemetry are registered: one object for all copies of `@opentelemetry/api` 1.x in a process,
 * ESM and CommonJS, of whatever version.
 */
export const API: unique symbol = Symbol.for("opentelemetry.js.api.1");

/**
 * Gives what is registered in a part's place: the part itself, decorated, or another one around it.
 *
 * @param wasThere whether it was registered before us, so that others may have taken from it already
 */
export type Decorate = (part: object, wasThere: boolean) => object;

/** By the names under which the API registers its parts; undefined for what stays as it is. */
export interface Decorators {
  readonly trace: Decorate | undefined;
  readonly metrics: Decorate | undefined;
  readonly logs: Decorate | undefined;
  readonly propagation: Decorate | undefined;
}

/** Decorates what is registered with OpenTelemetry's API, and what will be. */
export function decorateApiGlobals(decorators: Decorators): void {
  whenGlobal(API, (registry, wasThere) => {
    if (typeof registry === "object" && registry !== null) decorateRegistry(registry, decorators, wasThere);
  });
  const { logs } = decorators;
  if (logs === undefined) return;
  whenGlobal(API_LOGS, (getProvider, wasThere) => {
    const provider = loggerProviderOf(getProvider);
    // The API hands the provider on to its proxies beside this place, so that it must be the provider that is decorated.
    if (typeof provider === "object" && provider !== null) logs(provider, wasThere);
  });
}

/** Calls a function with the value of a global, now or when it is first set. What is set is a plain property then. */
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
 * The API sets a part as a property, and reads it very often, so that it stays a plain one. What sees it being set is
 * inherited, and so is there again when `disable()` has deleted the part.
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
