import { EventEmitter } from "node:events";
import { type Context, context, type Meter, metrics, ROOT_CONTEXT } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { suppressTracing } from "@opentelemetry/core";
import {
  createAllowListAttributesProcessor,
  InstrumentType,
  MeterProvider,
  type ViewOptions,
} from "@opentelemetry/sdk-metrics";
import { createExperiments, ExperimentConfigError } from "otel-experiments";
import { experimentViews, withExperiments } from "otel-experiments/sdk";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { recordDiag } from "../support/diag.ts";
import { REGISTRY } from "../support/experiments.ts";
import { openRequest } from "../support/opened-request.ts";
import { PointReader } from "../support/points.ts";
import { MEANS, measured, pairOf, setGlobal } from "./measuring.ts";

const EXPRESS = "experiment.checkout.variant=express";
const INSTRUMENTS = ["orders.placed", "orders.value", "orders.open", "orders.level", "orders.seen"];

context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
const diag = recordDiag();
let now = performance.now();

beforeEach(() => {
  // A cause is named once a minute.
  vi.spyOn(performance, "now").mockImplementation(() => (now += 10 * 60_000));
  diag.take();
});

afterEach(() => {
  vi.restoreAllMocks();
  metrics.disable();
});

/** Runs a function in the scope of a request that came with members. */
function inRequest<T>(header: string, fn: () => T): T {
  const experiments = createExperiments({ experiments: REGISTRY, trustInbound: true, strict: false });
  return openRequest(experiments, { header }).run(fn);
}

describe.each(MEANS)("the pair by $name", (means) => {
  test("MSR-01 is on each kind of synchronous instrument that is named, and on no other", async () => {
    const { provider, points } = measured(means, INSTRUMENTS);
    const meter: Meter = provider.getMeter("shop");
    inRequest(EXPRESS, () => {
      meter.createCounter("orders.placed").add(1, { kind: "a" });
      meter.createHistogram("orders.value").record(2);
      meter.createUpDownCounter("orders.open").add(1);
      meter.createGauge("orders.level").record(3);
      meter.createCounter("others").add(1);
    });
    for (const name of ["orders.placed", "orders.value", "orders.open", "orders.level"]) {
      expect([name, (await points(name)).map(({ attributes }) => pairOf(attributes))]).toEqual([
        name,
        ["checkout_1 express"],
      ]);
    }
    expect((await points("orders.placed"))[0]?.attributes).toEqual({
      kind: "a",
      "experiment.id": "checkout_1",
      "experiment.variant": "express",
    });
    expect((await points("others")).map(({ attributes }) => attributes)).toEqual([{}]);
  });

  test("MSR-02 is that of an assignment in the handler, and none where there is none, or where it is forced", async () => {
    const { provider, counts } = measured(means, INSTRUMENTS);
    const counter = provider.getMeter("shop").createCounter("orders.placed");
    const experiments = createExperiments({ experiments: REGISTRY, trustInbound: true, strict: false });
    counter.add(1);
    openRequest(experiments).run(() => {
      counter.add(10);
      experiments.record("checkout", "control");
      counter.add(100);
    });
    openRequest(experiments, { header: `${EXPRESS},experiment.checkout.forced=1` }).run(() => counter.add(1000));
    openRequest(experiments, { header: "experiment.checkout.variant=unheard_of" }).run(() => counter.add(10_000));
    expect(await counts("orders.placed")).toEqual({ "- none": 1011, "checkout_1 control": 100, "- other": 10_000 });
  });

  test("MSR-03 stays the caller's where the caller names an experiment", async () => {
    const { provider, counts } = measured(means, INSTRUMENTS);
    const counter = provider.getMeter("shop").createCounter("orders.placed");
    inRequest(EXPRESS, () => {
      counter.add(1, { "experiment.id": "mine" });
      counter.add(2, { "experiment.variant": "mine" });
      counter.add(4, { "experiment.id": "mine", "experiment.variant": "b" });
    });
    expect(await counts("orders.placed")).toEqual({ "mine -": 1, "- mine": 2, "mine b": 4 });
  });

  test("MSR-04 is nobody's under suppressTracing, as in an exporter's own traffic", async () => {
    const { provider, counts } = measured(means, INSTRUMENTS);
    const counter = provider.getMeter("shop").createCounter("orders.placed");
    inRequest(EXPRESS, () => {
      context.with(suppressTracing(context.active()), () => counter.add(1));
      counter.add(2, {}, suppressTracing(ROOT_CONTEXT));
    });
    expect(await counts("orders.placed")).toEqual({ "- none": 3 });
  });

  test("MSR-05 is not on what is observed outside any request", async () => {
    const { provider, points } = measured(means, INSTRUMENTS);
    const meter = provider.getMeter("shop");
    inRequest(EXPRESS, () => {
      meter.createObservableGauge("orders.seen").addCallback((result) => result.observe(1, { a: 1 }));
      const batched = meter.createObservableCounter("orders.batched");
      meter.addBatchObservableCallback((result) => result.observe(batched, 7), [batched]);
    });
    expect((await points("orders.seen")).map(({ attributes }) => attributes)).toEqual([{ a: 1 }]);
    expect((await points("orders.batched")).map(({ value }) => value)).toEqual([7]);
  });

  test("MSR-06 is our own meters' where they measured it, once", async () => {
    const { provider, counts } = measured(means, ["orders.placed", "orders.each", "experiment.assignments"]);
    setGlobal(provider);
    const experiments = createExperiments({ experiments: REGISTRY, trustInbound: true, primary: "search" });
    openRequest(experiments, { header: EXPRESS }).run(() => {
      experiments.record("search", "semantic");
      experiments.meter("shop").createCounter("orders.placed").add(1);
      experiments.meter("shop", { attribution: "each" }).createCounter("orders.each").add(1);
    });
    expect(await counts("orders.placed")).toEqual({ "search_1 semantic": 1 });
    expect(await counts("orders.each")).toEqual({ "checkout_1 express": 1, "search_1 semantic": 1 });
    expect(await counts("experiment.assignments")).toEqual({ "search_1 semantic": 1 });
  });

  test("MSR-07 is one stream of the server's duration with that of our own server span, untouched", async () => {
    const { provider, points } = measured(means);
    inRequest(EXPRESS, () => {
      const ours = provider.getMeter("otel-experiments").createHistogram("http.server.request.duration", { unit: "s" });
      ours.record(1, { "experiment.id": "search_1", "experiment.variant": "semantic" });
      ours.record(1, { "experiment.variant": "none" });
    });
    expect((await points("http.server.request.duration")).map(({ attributes }) => pairOf(attributes))).toEqual([
      "search_1 semantic",
      "- none",
    ]);
  });

  test("MSR-08 of several instances on one request is that of the latest that has one", async () => {
    const { provider, counts } = measured(means, INSTRUMENTS);
    const counter = provider.getMeter("shop").createCounter("orders.placed");
    const shop = createExperiments({ experiments: REGISTRY, trustInbound: true });
    const later = createExperiments({ experiments: { colour: { id: "colour_7", variants: ["red"] } } });
    const shared = { request: new EventEmitter(), response: new EventEmitter() };
    const run = (fn: () => void): void =>
      openRequest(shop, { header: EXPRESS, ...shared }).run(() => openRequest(later, shared).run(fn));
    run(() => counter.add(1));
    run(() => {
      later.record("colour", "red");
      counter.add(10);
    });
    expect(await counts("orders.placed")).toEqual({ "checkout_1 express": 1, "colour_7 red": 10 });
  });

  test("MSR-09 never throws, whatever stands in the context", async () => {
    const { provider, counts } = measured(means, INSTRUMENTS);
    const counter = provider.getMeter("shop").createCounter("orders.placed");
    const broken: Context = {
      getValue() {
        throw new Error("this context is broken");
      },
      setValue: () => broken,
      deleteValue: () => broken,
    };
    inRequest(EXPRESS, () => counter.add(1, {}, broken));
    expect(Object.values(await counts("orders.placed"))).toEqual([1]);
  });
});

describe("views", () => {
  test("MSR-20 the pair passes a list of allowed attributes, and the given View is as it was", async () => {
    const view: ViewOptions = {
      instrumentName: "orders.*",
      attributesProcessors: [createAllowListAttributesProcessor(["kind"])],
    };
    const before = { ...view, attributesProcessors: [...(view.attributesProcessors ?? [])] };
    const reader = new PointReader();
    const provider = new MeterProvider({ readers: [reader], views: [withExperiments(view)] });
    inRequest(EXPRESS, () => provider.getMeter("shop").createCounter("orders.placed").add(1, { kind: "a", user: "b" }));
    expect((await reader.points("orders.placed")).map(({ attributes }) => attributes)).toEqual([
      { kind: "a", "experiment.id": "checkout_1", "experiment.variant": "express" },
    ]);
    expect(view).toEqual(before);
    const once = withExperiments(view);
    expect(withExperiments(once)).toBe(once);
  });

  test("MSR-21 keep the buckets that the instrument advises", async () => {
    const reader = new PointReader();
    const provider = new MeterProvider({
      readers: [reader],
      views: experimentViews({ instruments: ["orders.value"] }),
    });
    const advice = { explicitBucketBoundaries: [1, 2, 3] };
    provider.getMeter("shop").createHistogram("orders.value", { advice }).record(2);
    const metric = (await reader.metrics()).get("orders.value");
    expect(metric?.dataPoints[0]?.value).toMatchObject({ buckets: { boundaries: [1, 2, 3] } });
  });

  const doubling: readonly { readonly other: ViewOptions; readonly counted: number }[] = [
    { other: { instrumentName: "*" }, counted: 2 },
    { other: { instrumentName: "orders.value" }, counted: 2 },
    { other: { instrumentName: "orders.value", name: "orders.value" }, counted: 2 },
    { other: { meterName: "shop" }, counted: 2 },
    { other: { instrumentType: InstrumentType.HISTOGRAM }, counted: 2 },
    { other: { instrumentName: "*", meterName: "others" }, counted: 1 },
    { other: { instrumentType: InstrumentType.COUNTER }, counted: 1 },
    { other: { instrumentName: "orders.value", name: "orders.value.buckets" }, counted: 1 },
    { other: { instrumentUnit: "By" }, counted: 1 },
  ];

  test.each(doubling)(
    "MSR-26 beside $other an instrument counts one measurement $counted times, and diag says nothing",
    async ({ other, counted }) => {
      const ours = experimentViews({ instruments: ["orders.value"] });
      for (const views of [
        [other, ...ours],
        [...ours, other],
      ]) {
        const reader = new PointReader();
        const provider = new MeterProvider({ readers: [reader], views });
        setGlobal(provider);
        provider.getMeter("shop").createHistogram("orders.value", { unit: "s" }).record(1);
        const metric = (await reader.metrics()).get("orders.value");
        expect(metric?.dataPoints.map(({ value }) => value)).toEqual([expect.objectContaining({ count: counted })]);
      }
      expect(diag.take()).toEqual([]);
    },
  );
});

describe("set-up", () => {
  test("MSR-30 the client's duration of undici is refused, by name or by a View that would select it", () => {
    const provider = new MeterProvider();
    const refused: readonly (() => unknown)[] = [
      () => experimentViews({ instruments: ["http.client.request.duration"] }),
      () => withExperiments(provider, { instruments: ["http.client.request.duration"] }),
      () => withExperiments({ instrumentName: "http.client.request.duration" }),
      () => withExperiments({ instrumentName: "*" }),
      () => withExperiments({ instrumentName: "http.*.duration" }),
      () => withExperiments({ instrumentType: InstrumentType.HISTOGRAM, instrumentUnit: "s" }),
      () => withExperiments({ meterName: "@opentelemetry/instrumentation-undici" }),
    ];
    for (const make of refused) {
      expect(make).toThrow(ExperimentConfigError);
      expect(make).toThrow(/http\.client\.request\.duration.*(leave it out|wrap the MeterProvider)/);
    }
    const taken: readonly ViewOptions[] = [
      { instrumentName: "*", meterName: "shop" },
      { instrumentName: "http.server.*" },
      { instrumentType: InstrumentType.COUNTER },
      { instrumentName: "*", instrumentUnit: "By" },
      { instrumentName: "a*b" },
    ];
    for (const view of taken) expect(withExperiments(view)).toMatchObject(view);
  });

  test("MSR-31 the undici meter is passed on as it is, whatever is named", () => {
    const inner = new MeterProvider();
    const outer = withExperiments(inner, { instruments: ["orders.placed"] });
    expect(outer.getMeter("@opentelemetry/instrumentation-undici")).toBe(
      inner.getMeter("@opentelemetry/instrumentation-undici"),
    );
    expect(outer.getMeter("otel-experiments")).toBe(inner.getMeter("otel-experiments"));
  });

  test("MSR-32 a wrong option throws and says the mend", () => {
    const wrong: readonly [() => unknown, string, RegExp][] = [
      [
        () => experimentViews(never("all")),
        "ERR_OPTIONS",
        /experimentViews are "all"; write an object with instruments/,
      ],
      [() => experimentViews(never({ instrument: [] })), "ERR_UNKNOWN_OPTION", /"instrument"/],
      [() => experimentViews({ instruments: [] }), "ERR_OPTION_VALUE", /instruments is empty/],
      [() => experimentViews({ instruments: ["orders.*"] }), "ERR_OPTION_VALUE", /"orders\.\*"; write the whole names/],
      [() => experimentViews(never({ instruments: "orders.placed" })), "ERR_OPTION_VALUE", /is "orders\.placed"/],
      [
        () => withExperiments(never(undefined)),
        "ERR_OPTIONS",
        /withExperiments got undefined; give it a MeterProvider/,
      ],
      [() => withExperiments(never([{}])), "ERR_OPTIONS", /got an array/],
      [() => withExperiments(never({ instrumentName: 7 })), "ERR_OPTION_VALUE", /instrumentName is 7/],
      [() => withExperiments(never({ instrumentName: "a", attributesProcessors: {} })), "ERR_OPTION_VALUE", /a list/],
      [
        () => withExperiments(never({ instrument: "orders.placed" })),
        "ERR_UNKNOWN_OPTION",
        /^the option "instrument" of a View is unknown; the options are instrumentName, /,
      ],
      [
        () => withExperiments(never({ instrumentName: "orders.placed" }), { instruments: ["orders.placed"] }),
        "ERR_OPTIONS",
        /takes no options with a View.*wrap the MeterProvider/,
      ],
      [() => withExperiments(new MeterProvider(), never({ views: [] })), "ERR_UNKNOWN_OPTION", /"views"/],
    ];
    for (const [make, code, message] of wrong) {
      expect(make).toThrow(ExperimentConfigError);
      expect(make).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }));
    }
  });

  test("MSR-33 the wrapped provider is the given one in all else: its class, its methods, its end", async () => {
    const reader = new PointReader();
    const inner = new MeterProvider({ readers: [reader] });
    const outer = withExperiments(inner);
    expect(outer).toBeInstanceOf(MeterProvider);
    const meter = outer.getMeter("shop", "1.0.0", { schemaUrl: "https://example.com/1" });
    expect(outer.getMeter("shop", "1.0.0", { schemaUrl: "https://example.com/1" })).toBe(meter);
    meter.createCounter("orders.placed").add(1);
    const { resourceMetrics } = await reader.collect();
    expect(resourceMetrics.scopeMetrics[0]?.scope).toEqual({
      name: "shop",
      version: "1.0.0",
      schemaUrl: "https://example.com/1",
    });
    await outer.forceFlush();
    await outer.shutdown();
    diag.take();
    inner.getMeter("late");
    expect(diag.take().join()).toMatch(/shutdown MeterProvider/);
    const frozen = withExperiments(Object.freeze({ getMeter: () => inner.getMeter("x"), close: () => 7 }));
    expect(frozen.close()).toBe(7);
    expect(frozen.getMeter()).not.toBe(inner.getMeter("x"));
    const own = withExperiments(new OwnProvider(inner.getMeter("x")));
    own.close();
    expect([own.closed, own instanceof OwnProvider, "closed" in own]).toEqual([true, true, true]);
  });
});

/** A provider with fields that only its own methods reach. */
class OwnProvider {
  readonly #meter: Meter;
  #closed = false;

  constructor(meter: Meter) {
    this.#meter = meter;
  }

  getMeter(): Meter {
    return this.#meter;
  }

  get closed(): boolean {
    return this.#closed;
  }

  close(): void {
    this.#closed = true;
  }
}

/** A value that the types forbid. */
function never(value: unknown): never {
  return value as never; // why: wrong on purpose
}
