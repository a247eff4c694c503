import { createRequire } from "node:module";
import * as esm from "@opentelemetry/api";
import { type Context, diag, type MeterProvider, type TextMapPropagator } from "@opentelemetry/api";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Decorate, decorateApiGlobals } from "../../adapters/sdk/register/api-globals.ts";

const commonjs = requireAnew();

/** The CommonJS build, or, where there is one build for both, a second copy of that. */
function requireAnew(): typeof esm {
  const require = createRequire(import.meta.url);
  for (const file of Object.keys(require.cache)) {
    if (file.includes("/@opentelemetry/api/")) Reflect.deleteProperty(require.cache, file);
  }
  return require("@opentelemetry/api") as typeof esm; // why: it is another copy of the same package
}

const API = Symbol.for("opentelemetry.js.api.1");
const API_LOGS = Symbol.for("io.opentelemetry.js.api.logs");

const meterProvider: MeterProvider = { getMeter: () => esm.createNoopMeter() };
const propagator: TextMapPropagator = { inject: () => {}, extract: (context: Context) => context, fields: () => [] };
const loggerProvider = { getLogger: () => ({ emit: () => {} }) };

beforeEach(clear);
afterEach(clear);

function clear(): void {
  for (const name of [API, API_LOGS]) Reflect.deleteProperty(globalThis, name);
}

/** Decorates by putting another object in each part's place, and notes what was given. */
function decorating(): { readonly seen: string[] } {
  const seen: string[] = [];
  const note =
    (name: string): Decorate =>
    (part, wasThere) => {
      seen.push(wasThere ? `${name}, there` : name);
      return Object.create(part) as object; // why: the prototype is an object
    };
  decorateApiGlobals({
    trace: note("trace"),
    metrics: note("metrics"),
    logs: note("logs"),
    propagation: note("propagation"),
  });
  return { seen };
}

function registry(): object {
  return Reflect.get(globalThis, API);
}

test("REG-30 they are two copies of the API", () => {
  expect(commonjs.trace).not.toBe(esm.trace);
});

test.each([
  ["ESM", esm, commonjs],
  ["CommonJS", commonjs, esm],
])("REG-31 what the %s copy registers is decorated, and read by the other copy", (_name, one, other) => {
  const { seen } = decorating();
  expect(one.metrics.setGlobalMeterProvider(meterProvider)).toBe(true);
  expect(one.propagation.setGlobalPropagator(propagator)).toBe(true);
  expect(one.trace.setGlobalTracerProvider({ getTracer: () => one.trace.getTracer("x") })).toBe(true);
  expect(seen).toEqual(["metrics", "propagation", "trace"]);
  expect(Object.getPrototypeOf(other.metrics.getMeterProvider())).toBe(meterProvider);
  expect(other.trace.getTracerProvider()).toBe(one.trace.getTracerProvider());
});

test("REG-32 what was registered before is decorated in its place, and said to have been there", () => {
  esm.metrics.setGlobalMeterProvider(meterProvider);
  const { seen } = decorating();
  esm.propagation.setGlobalPropagator(propagator);
  expect(seen).toEqual(["metrics, there", "propagation"]);
  expect(Object.getPrototypeOf(commonjs.metrics.getMeterProvider())).toBe(meterProvider);
});

test("REG-33 what has been set is a plain property again, which costs nothing to read", () => {
  decorating();
  esm.metrics.setGlobalMeterProvider(meterProvider);
  expect(Object.getOwnPropertyDescriptor(globalThis, API)).toHaveProperty("value", registry());
  expect(Object.getOwnPropertyDescriptor(registry(), "metrics")).toMatchObject({ writable: true, configurable: true });
});

test("REG-34 what is registered after disable() is decorated too", () => {
  const { seen } = decorating();
  for (const api of [esm, commonjs]) {
    api.metrics.setGlobalMeterProvider(meterProvider);
    api.metrics.disable();
    expect(api.metrics.getMeterProvider()).not.toBe(meterProvider);
  }
  esm.metrics.setGlobalMeterProvider(meterProvider);
  expect(seen).toEqual(["metrics", "metrics", "metrics"]);
});

test("REG-35 a second registration is refused, as without us", () => {
  const { seen } = decorating();
  expect(esm.metrics.setGlobalMeterProvider(meterProvider)).toBe(true);
  expect(commonjs.metrics.setGlobalMeterProvider({ getMeter: () => esm.createNoopMeter() })).toBe(false);
  expect(seen).toEqual(["metrics"]);
});

test("REG-36 other parts stay as they are registered", () => {
  decorating();
  const logger = new esm.DiagConsoleLogger();
  diag.setLogger(logger, esm.DiagLogLevel.NONE);
  const manager = { active: () => esm.ROOT_CONTEXT, with: () => undefined, bind: () => undefined } as never; // why: it is never used
  esm.context.setGlobalContextManager(manager);
  expect(Reflect.get(registry(), "context")).toBe(manager);
  diag.disable();
});

test("REG-37 a decorator that fails leaves what was registered, and nothing is thrown", () => {
  decorateApiGlobals({
    trace: undefined,
    logs: undefined,
    metrics: () => {
      throw new Error("refused");
    },
    propagation: undefined,
  });
  expect(esm.metrics.setGlobalMeterProvider(meterProvider)).toBe(true);
  expect(esm.metrics.getMeterProvider()).toBe(meterProvider);
});

test("REG-38 the provider of the older logs API is decorated, whichever comes first", () => {
  // As @opentelemetry/api-logs registers it.
  const register = (): void => {
    Reflect.set(globalThis, API_LOGS, (version: number) => (version === 1 ? loggerProvider : undefined));
  };
  const first = decorating();
  register();
  expect(first.seen).toEqual(["logs"]);
  clear();
  register();
  expect(decorating().seen).toEqual(["logs, there"]);
});

test("REG-39 a registry that cannot be changed stays as it is, and nothing is thrown", () => {
  const frozen = Object.freeze({ version: "1.10.0", metrics: meterProvider });
  Reflect.set(globalThis, API, frozen);
  expect(() => decorating()).not.toThrow();
  expect(esm.metrics.getMeterProvider()).toBe(meterProvider);
});
