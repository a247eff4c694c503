import { type Meter, metrics } from "@opentelemetry/api";
import { MeterProvider } from "@opentelemetry/sdk-metrics";
import { createExperiments, ExperimentConfigError, type ExperimentsOptions } from "otel-experiments";
import { describe, expect, test } from "vitest";
import { openRequest } from "./opened-request.ts";
import { PointReader } from "./point-reader.ts";

const REGISTRY = { checkout: { id: "checkout_1", variants: ["control", "express"] } };

describe("options are not read later", () => {
  test("EDGE-01a propagateTo: emptying the caller's list later must not withdraw its wildcards and predicates", async () => {
    const propagateTo: ExperimentsOptions["propagateTo"] & object[] = ["http://*.example.com", () => true] as never;
    const experiments = createExperiments({ experiments: REGISTRY, propagateTo });
    const { outbound } = await import("otel-experiments/adapter");
    const text = openRequest(experiments).run(() => {
      experiments.record("checkout", "express");
      (propagateTo as unknown[]).length = 0;
      return outbound(experiments)()?.baggageFor(new URL("http://a.example.com/"), null);
    });
    await experiments.close();
    expect(text).toBe("experiment.checkout.variant=express,experiment.checkout.id=checkout_1");
  });
  test("EDGE-01b propagateTo: filling it later must not change what explain says", async () => {
    const propagateTo: string[] = [];
    const experiments = createExperiments({ experiments: REGISTRY, propagateTo });
    const before = experiments.explain("https://a.example/");
    propagateTo.push("https://a.example");
    expect(experiments.explain("https://a.example/")).toEqual(before);
    await experiments.close();
  });
});

describe("set-up errors are ExperimentConfigErrors", () => {
  test.each([
    [
      "EDGE-02a a hole in the list of variants",
      { experiments: { a: { id: "a_1", variants: Object.assign(Array.from({ length: 3 }), { 0: "x", 2: "y" }) } } },
    ],
    ["EDGE-02b a primary that can be no key, without a registry", { trustInbound: true, primary: "Not A Key" }],
    ["EDGE-02c a reserved primary, without a registry", { trustInbound: true, primary: "id" }],
    ["EDGE-02d propagateTo: null", { trustInbound: true, propagateTo: null }],
    ["EDGE-02e prefix: null", { trustInbound: true, prefix: null }],
    ["EDGE-02f trustInbound: null", { experiments: REGISTRY, trustInbound: null }],
    ["EDGE-02g no registry and a list of no network", { trustInbound: [] }],
  ])("%s", (_title, options) => {
    let error: unknown;
    try {
      void createExperiments(options as ExperimentsOptions).close();
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(ExperimentConfigError);
  });
});

const refuse = (): never => {
  throw new Error("broken SDK");
};
const observeNothing = (): void => undefined;

describe("nothing of ours throws at run time", () => {
  test.each([undefined, null, "x", 1])("EDGE-03a of(%s), not strict", async (request) => {
    const experiments = createExperiments({ experiments: REGISTRY, strict: false });
    try {
      expect(experiments.of(request as unknown as object).assignments).toEqual([]);
    } finally {
      await experiments.close();
    }
  });
  test.each([undefined, null, {}, 1])("EDGE-03b explain(%s)", async (url) => {
    const experiments = createExperiments({
      experiments: REGISTRY,
      strict: false,
      propagateTo: ["http://*.x.example"],
    });
    try {
      expect(experiments.explain(url as string).allowed).toBe(false);
    } finally {
      await experiments.close();
    }
  });
  test("EDGE-03c an observable whose addCallback throws", async () => {
    metrics.disable();
    metrics.setGlobalMeterProvider({
      getMeter: () =>
        new Proxy({} as Meter, {
          get: (_, name) =>
            String(name).includes("Batch") ? refuse : () => ({ addCallback: refuse, removeCallback: refuse }),
        }),
    });
    const experiments = createExperiments({ experiments: REGISTRY, strict: false });
    try {
      const gauge = experiments.meter("shop").createObservableGauge("g");
      expect(() => gauge.addCallback(observeNothing)).not.toThrow();
      expect(() => gauge.removeCallback(observeNothing)).not.toThrow();
    } finally {
      await experiments.close();
    }
  });
  test("EDGE-03d removing a batch callback, where the SDK's removal throws", async () => {
    metrics.disable();
    metrics.setGlobalMeterProvider({
      getMeter: () =>
        new Proxy({} as Meter, {
          get:
            (_, name) =>
            (...args: unknown[]) => {
              if (String(name).startsWith("remove")) throw new Error("broken SDK");
              return { addCallback() {}, removeCallback() {}, args };
            },
        }),
    });
    const experiments = createExperiments({ experiments: REGISTRY, strict: false });
    try {
      const meter = experiments.meter("shop");
      const gauge = meter.createObservableGauge("g");
      expect(() => meter.addBatchObservableCallback(observeNothing, [gauge])).not.toThrow();
      expect(() => meter.removeBatchObservableCallback(observeNothing, [gauge])).not.toThrow();
    } finally {
      await experiments.close();
    }
  });
});

describe("observables", () => {
  test("EDGE-04 one that cannot be made does not keep the others from being made when the SDK comes late", async () => {
    metrics.disable();
    const experiments = createExperiments({ experiments: REGISTRY });
    const meter = experiments.meter("shop");
    for (const name of ["first", "broken", "last"]) {
      meter.createObservableGauge(name).addCallback((result) => result.observe(1));
    }
    const reader = new PointReader();
    const provider = new MeterProvider({ readers: [reader] });
    metrics.setGlobalMeterProvider({
      getMeter: (...args) => {
        const real = provider.getMeter(...args);
        return new Proxy(real, {
          get: (target, key) =>
            key === "createObservableGauge"
              ? (name: string) => {
                  if (name === "broken") throw new Error("broken");
                  return target.createObservableGauge(name);
                }
              : Reflect.get(target, key),
        });
      },
    });
    openRequest(experiments);
    const seen = [...(await reader.metrics()).keys()];
    await experiments.close();
    expect(seen).toEqual(["first", "last"]);
  });

  test("EDGE-05 asked for again and again in a handler, one is made once and kept once", async () => {
    metrics.disable();
    const made: string[] = [];
    metrics.setGlobalMeterProvider({
      getMeter: () =>
        new Proxy({} as Meter, {
          get: () => (name: string) => {
            made.push(name);
            return { addCallback() {}, removeCallback() {} };
          },
        }),
    });
    const experiments = createExperiments({ experiments: REGISTRY });
    for (let i = 0; i < 3; i++) experiments.meter("shop").createObservableGauge("gauge");
    await experiments.close();
    expect(made).toEqual(["gauge"]);
  });
});

describe("series", () => {
  test("EDGE-06 without a registry: ids and keys of one spelling do not double the bound of 8 × 8 series", async () => {
    metrics.disable();
    const reader = new PointReader();
    metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
    const experiments = createExperiments({ trustInbound: true, strict: false });
    const counter = experiments.meter("shop").createCounter("orders");
    for (let e = 0; e < 8; e++) {
      for (let v = 0; v < 8; v++) {
        // The same eight names, once as ids and once as keys without an id. The variants of the latter differ.
        openRequest(experiments, { header: `experiment.key${e}.variant=v${e}${v},experiment.key${e}.id=e${e}` }).run(
          () => counter.add(1),
        );
        openRequest(experiments, { header: `experiment.e${e}.variant=v${e}${v}` }).run(() => counter.add(1));
      }
    }
    const points = await reader.points("orders");
    await experiments.close();
    expect(points.length).toBeLessThanOrEqual(8 * 8 + 1);
  });
});
