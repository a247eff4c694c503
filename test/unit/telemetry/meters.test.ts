import {
  type Attributes,
  type BatchObservableCallback,
  type Counter,
  context,
  INVALID_SPAN_CONTEXT,
  type Meter,
  type MeterProvider as MeterProviderApi,
  metrics,
  type Observable,
  type ObservableCallback,
  type Span,
  trace,
} from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { RPCType, setRPCMetadata } from "@opentelemetry/core";
import { MeterProvider } from "@opentelemetry/sdk-metrics";
import { type Experiments, type ExperimentsOptions } from "otel-experiments";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { recordDiag } from "../../support/diag.ts";
import { createOpen } from "../../support/experiments.ts";
import { openRequest } from "../../support/opened-request.ts";
import { type Point, PointReader } from "../../support/points.ts";

const EXPRESS = { "experiment.id": "checkout_1", "experiment.variant": "express" };
const SEMANTIC = { "experiment.id": "search_1", "experiment.variant": "semantic" };
const NONE = { "experiment.variant": "none" };
const OTHER = { "experiment.variant": "other" };

const CHECKOUT_MEMBERS = "experiment.checkout.variant=express,experiment.checkout.id=checkout_1";
const SEARCH_MEMBERS = "experiment.search.variant=semantic,experiment.search.id=search_1";

let log = recordDiag();
let now = 0;

function create(options: ExperimentsOptions = {}): Experiments {
  return createOpen({ trustInbound: true, ...options });
}

/** Makes itself the process's MeterProvider, in the place of one that is there. */
function startSdk(): PointReader {
  const reader = new PointReader();
  setProvider(new MeterProvider({ readers: [reader] }));
  return reader;
}

function setProvider(provider: MeterProviderApi): void {
  metrics.disable();
  metrics.setGlobalMeterProvider(provider);
}

beforeEach(() => {
  now += 10 * 60_000;
  vi.spyOn(performance, "now").mockImplementation(() => now);
  log = recordDiag();
  metrics.disable();
});

afterEach(() => void vi.restoreAllMocks());

type Record = (meter: Meter, name: string, value: number, attributes?: Attributes) => void;

const INSTRUMENTS: readonly { readonly kind: string; readonly record: Record }[] = [
  { kind: "counter", record: (meter, name, value, attributes) => meter.createCounter(name).add(value, attributes) },
  {
    kind: "up-down counter",
    record: (meter, name, value, attributes) => meter.createUpDownCounter(name).add(value, attributes),
  },
  {
    kind: "histogram",
    record: (meter, name, value, attributes) => meter.createHistogram(name).record(value, attributes),
  },
  { kind: "gauge", record: (meter, name, value, attributes) => meter.createGauge(name).record(value, attributes) },
];

/** The attributes of what a counter measured, with how much. */
async function measured(reader: PointReader, name = "orders"): Promise<readonly (readonly [Attributes, number])[]> {
  const points: readonly Point[] = await reader.points(name);
  return points.map(({ attributes, value }) => [attributes, value]);
}

describe.each(INSTRUMENTS)("a $kind", ({ record }) => {
  test("MET-01 adds the flat pair to what the caller gives", async () => {
    const reader = startSdk();
    const experiments = create();
    openRequest(experiments, { header: CHECKOUT_MEMBERS }).run(() => {
      record(experiments.meter("shop"), "orders", 3, { "payment.method": "card" });
      record(experiments.meter("shop"), "orders", 3);
    });
    expect(await measured(reader)).toEqual([
      [{ "payment.method": "card", ...EXPRESS }, 3],
      [EXPRESS, 3],
    ]);
  });

  test("MET-02 gives none outside a request, without an assignment, and for a forced one", async () => {
    const reader = startSdk();
    const experiments = create();
    const meter = experiments.meter("shop");
    record(meter, "outside", 1);
    openRequest(experiments).run(() => record(meter, "unassigned", 1));
    openRequest(experiments, { header: `${CHECKOUT_MEMBERS},experiment.checkout.forced=1` }).run(() =>
      record(meter, "forced", 1),
    );
    for (const name of ["outside", "unassigned", "forced"]) expect(await measured(reader, name)).toEqual([[NONE, 1]]);
  });

  test.each([
    { what: "an experiment that is not declared", header: "experiment.cart.variant=big,experiment.cart.id=cart_1" },
    {
      what: "a variant that is not declared",
      header: "experiment.checkout.variant=late,experiment.checkout.id=checkout_1",
    },
    {
      what: "another run of a declared one",
      header: "experiment.checkout.variant=express,experiment.checkout.id=checkout_0",
    },
  ])("MET-03 gives other, without an id, for $what", async ({ header }) => {
    const reader = startSdk();
    const experiments = create();
    openRequest(experiments, { header }).run(() => {
      expect(experiments.current().assignments).toHaveLength(1);
      record(experiments.meter("shop"), "orders", 1, { a: "b" });
    });
    expect(await measured(reader)).toEqual([[{ a: "b", ...OTHER }, 1]]);
  });

  test("MET-04 takes the declared id for a variant that came without one", async () => {
    const reader = startSdk();
    const experiments = create();
    openRequest(experiments, { header: "experiment.checkout.variant=express" }).run(() =>
      record(experiments.meter("shop"), "orders", 1),
    );
    expect(await measured(reader)).toEqual([[EXPRESS, 1]]);
  });

  test("MET-05 measures nothing and throws nothing where no SDK is ever started", () => {
    const experiments = create();
    openRequest(experiments, { header: CHECKOUT_MEMBERS }).run(() =>
      record(experiments.meter("shop"), "orders", 1, { a: "b" }),
    );
    expect(log.lines).toEqual([]);
  });
});

describe("whose pair it is", () => {
  const both = `${SEARCH_MEMBERS},${CHECKOUT_MEMBERS}`;

  test("MET-10 the primary's, where the option names one", async () => {
    const reader = startSdk();
    const experiments = create({ primary: "search" });
    openRequest(experiments, { header: both }).run(() => experiments.meter("shop").createCounter("orders").add(1));
    expect(await measured(reader)).toEqual([[SEMANTIC, 1]]);
    expect(log.lines).toEqual([]);
  });

  test("MET-11 nobody's, where the request has other experiments than the primary", async () => {
    const reader = startSdk();
    const experiments = create({ primary: "search" });
    openRequest(experiments, { header: CHECKOUT_MEMBERS }).run(() =>
      experiments.meter("shop").createCounter("orders").add(1),
    );
    expect(await measured(reader)).toEqual([[NONE, 1]]);
  });

  test("MET-12 each one's, unforced, where the meter says so", async () => {
    const reader = startSdk();
    const experiments = create();
    const counter = experiments.meter("shop", { attribution: "each" }).createCounter("orders");
    openRequest(experiments, { header: both }).run(() => counter.add(2, { a: "b" }));
    openRequest(experiments, { header: `${both},experiment.checkout.forced=1` }).run(() => counter.add(5, { a: "b" }));
    expect(await measured(reader)).toEqual([
      [{ a: "b", ...SEMANTIC }, 7],
      [{ a: "b", ...EXPRESS }, 2],
    ]);
  });

  test("MET-13 none, once, where such a meter has nothing to show", async () => {
    const reader = startSdk();
    const experiments = create();
    const counter = experiments.meter("shop", { attribution: "each" }).createCounter("orders");
    counter.add(1);
    openRequest(experiments).run(() => counter.add(1));
    openRequest(experiments, { header: `${CHECKOUT_MEMBERS},experiment.checkout.forced=1` }).run(() => counter.add(1));
    expect(await measured(reader)).toEqual([[NONE, 3]]);
  });

  test("MET-14 other for each that is unknown, where the meter shows each", async () => {
    const reader = startSdk();
    const experiments = create();
    const counter = experiments.meter("shop", { attribution: "each" }).createCounter("orders");
    const header = `${CHECKOUT_MEMBERS},experiment.cart.variant=big,experiment.menu.variant=wide`;
    openRequest(experiments, { header }).run(() => counter.add(1));
    expect(await measured(reader)).toEqual([
      [EXPRESS, 1],
      [OTHER, 2],
    ]);
  });

  test("MET-15 that of the moment: an assignment counts from where it is recorded", async () => {
    const reader = startSdk();
    const experiments = create();
    const counter = experiments.meter("shop").createCounter("orders");
    openRequest(experiments).run(() => {
      counter.add(1);
      experiments.record("checkout", "express");
      counter.add(10);
    });
    expect(await measured(reader)).toEqual([
      [NONE, 1],
      [EXPRESS, 10],
    ]);
  });

  test("MET-16 that of the instance whose meter it is", async () => {
    const reader = startSdk();
    const [first, second] = [create(), create({ prefix: "exp." })];
    openRequest(first, { header: CHECKOUT_MEMBERS }).run(() => {
      first.meter("shop").createCounter("first").add(1);
      second.meter("shop").createCounter("second").add(1);
    });
    expect(await measured(reader, "first")).toEqual([[EXPRESS, 1]]);
    expect(await measured(reader, "second")).toEqual([[NONE, 1]]);
  });

  test("MET-17 found by the server span of a context that is given, where ours is gone", async () => {
    const reader = startSdk();
    const experiments = create();
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    const span: Span = trace.wrapSpanContext(INVALID_SPAN_CONTEXT);
    const active = setRPCMetadata(context.active(), { type: RPCType.HTTP, span });
    context.with(active, () => openRequest(experiments, { header: CHECKOUT_MEMBERS }));

    const counter = experiments.meter("shop").createCounter("orders");
    counter.add(1, {}, active);
    counter.add(10, {});
    context.disable();
    expect(await measured(reader)).toEqual([
      [EXPRESS, 1],
      [NONE, 10],
    ]);
  });
});

describe("a caller's attributes", () => {
  test("MET-20 are not changed, and may be frozen", async () => {
    const reader = startSdk();
    const experiments = create();
    const attributes = Object.freeze({ "payment.method": "card" });
    openRequest(experiments, { header: CHECKOUT_MEMBERS }).run(() => {
      for (const { kind, record } of INSTRUMENTS)
        record(experiments.meter("shop"), kind.replace(" ", "."), 1, attributes);
      experiments.meter("shop", { attribution: "each" }).createCounter("each").add(1, attributes);
    });
    expect(attributes).toEqual({ "payment.method": "card" });
    expect(await measured(reader, "each")).toEqual([[{ "payment.method": "card", ...EXPRESS }, 1]]);
  });

  test.each([
    { "experiment.variant": "mine" },
    { "experiment.id": "mine" },
    { "experiment.id": "mine", "experiment.variant": "mine", a: "b" },
    { "experiment.variant": undefined },
  ])("MET-21 stay alone where they name an experiment themselves: %o", async (attributes) => {
    const reader = startSdk();
    const experiments = create();
    openRequest(experiments, { header: CHECKOUT_MEMBERS }).run(() =>
      experiments.meter("shop").createCounter("orders").add(1, attributes),
    );
    expect(await measured(reader)).toEqual([[attributes, 1]]);
  });
});

describe("an instrument", () => {
  test("MET-30 that was made before the SDK measures from when it is there", async () => {
    const experiments = create();
    const counter = experiments.meter("shop").createCounter("orders");
    const { run } = openRequest(experiments, { header: CHECKOUT_MEMBERS });
    run(() => counter.add(1));
    const reader = startSdk();
    run(() => counter.add(10));
    run(() => counter.add(10));
    expect(await measured(reader)).toEqual([[EXPRESS, 20]]);
  });

  test("MET-31 follows a MeterProvider that takes another one's place", async () => {
    const experiments = create();
    const counter = experiments.meter("shop").createCounter("orders");
    const first = startSdk();
    counter.add(1);
    const second = startSdk();
    counter.add(10);
    expect(await measured(first)).toEqual([[NONE, 1]]);
    expect(await measured(second)).toEqual([[NONE, 10]]);
  });

  test("MET-32 keeps its unit, its description, its buckets, and its meter's name, version and schema", async () => {
    const reader = startSdk();
    const meter = create().meter("shop", { version: "1.2.3", schemaUrl: "https://example.com/schema" });
    meter
      .createHistogram("wait", { unit: "s", description: "d", advice: { explicitBucketBoundaries: [1, 2] } })
      .record(1.5);
    const { resourceMetrics } = await reader.collect();
    const scope = resourceMetrics.scopeMetrics.find((metric) => metric.scope.name === "shop");
    expect(scope?.scope).toEqual({ name: "shop", version: "1.2.3", schemaUrl: "https://example.com/schema" });
    expect(scope?.metrics[0]).toMatchObject({
      descriptor: { name: "wait", unit: "s", description: "d" },
      dataPoints: [{ value: { buckets: { boundaries: [1, 2], counts: [0, 1, 0] } } }],
    });
  });

  test("MET-33 is made once, however often it is asked for", () => {
    const { provider, made } = countingProvider();
    setProvider(provider);
    const experiments = create();
    for (let i = 0; i < 3; i++) {
      for (const { kind, record } of INSTRUMENTS) record(experiments.meter("shop"), kind.replace(" ", "."), 1);
      experiments.meter("shop", { version: "1" }).createCounter("counter").add(1);
      experiments.meter("shop", { attribution: "each" }).createCounter("counter").add(1);
      experiments.meter("shop").createCounter("counter", { unit: "s" }).add(1);
    }
    expect(made.sort()).toEqual(
      [
        "shop@1 createCounter counter",
        "shop createCounter counter",
        "shop createCounter counter",
        "shop createCounter counter",
        "shop createGauge gauge",
        "shop createHistogram histogram",
        "shop createUpDownCounter up-down.counter",
      ].sort(),
    );
    expect(experiments.meter("shop")).toBe(experiments.meter("shop"));
  });

  test("MET-34 may be taken apart from its method", async () => {
    const reader = startSdk();
    const experiments = create();
    const { add } = experiments.meter("shop").createCounter("orders");
    const { record } = experiments.meter("shop").createHistogram("wait");
    openRequest(experiments, { header: CHECKOUT_MEMBERS }).run(() => {
      add(1);
      record(1);
    });
    expect(await measured(reader)).toEqual([[EXPRESS, 1]]);
    expect(await measured(reader, "wait")).toEqual([[EXPRESS, 1]]);
  });
});

/** Notes what is made, and measures nothing. */
function countingProvider(): { provider: MeterProviderApi; made: string[] } {
  const made: string[] = [];
  const provider: MeterProviderApi = {
    getMeter: (name, version) => {
      const label = version === undefined ? name : `${name}@${version}`;
      return new Proxy(Object.create(null) as Meter, {
        // why: a meter of which only the creating methods are called
        get: (_, method) => (instrument: string) => {
          made.push(`${label} ${String(method)} ${instrument}`);
          return { add: () => undefined, record: () => undefined };
        },
      });
    },
  };
  return { provider, made };
}

function give(value: number): ObservableCallback {
  return (result) => result.observe(value, { pool: "a" });
}

describe("an observable instrument", () => {
  test("MET-39 is the MeterProvider's own, of a meter with the same name, version and schema", () => {
    const own: { readonly [name: string]: Observable } = {
      gauge: { addCallback: () => undefined, removeCallback: () => undefined },
    };
    const asked = vi.fn<MeterProviderApi["getMeter"]>(() => brokenMeter((name) => own[name] ?? refuse()));
    setProvider({ getMeter: asked });
    const meter = create().meter("shop", { version: "1", schemaUrl: "https://schemas.test/1" });
    expect(meter.createObservableGauge("gauge")).toBe(own["gauge"]);
    expect(asked).toHaveBeenCalledWith("shop", "1", { schemaUrl: "https://schemas.test/1" });
  });

  test("MET-40 is observed as it is, without a pair, since no request observes it", async () => {
    const reader = startSdk();
    const experiments = create();
    const meter = experiments.meter("shop");
    openRequest(experiments, { header: CHECKOUT_MEMBERS }).run(() => {
      meter.createObservableGauge("gauge").addCallback(give(1));
      meter.createObservableCounter("counter").addCallback(give(2));
      meter.createObservableUpDownCounter("updown").addCallback(give(3));
    });
    expect(await measured(reader, "gauge")).toEqual([[{ pool: "a" }, 1]]);
    expect(await measured(reader, "counter")).toEqual([[{ pool: "a" }, 2]]);
    expect(await measured(reader, "updown")).toEqual([[{ pool: "a" }, 3]]);
  });

  test("MET-41 that is made before the SDK measures nothing, and throws nothing", async () => {
    const experiments = create();
    const meter = experiments.meter("shop");
    const gauge = meter.createObservableGauge("gauge");
    const [own, batch] = [vi.fn<ObservableCallback>(give(1)), vi.fn<BatchObservableCallback>()];
    gauge.addCallback(own);
    meter.addBatchObservableCallback(batch, [gauge]);
    const reader = startSdk();
    openRequest(experiments);
    expect(await measured(reader, "gauge")).toEqual([]);
    gauge.removeCallback(own);
    meter.removeBatchObservableCallback(batch, [gauge]);
    expect([own, batch].map(({ mock }) => mock.calls.length)).toEqual([0, 0]);
    expect(log.lines).toEqual([]);
  });

  test("MET-42 that is made after the SDK is observed, though its meter was made before", async () => {
    const meter = create().meter("shop");
    const reader = startSdk();
    meter.createObservableGauge("gauge").addCallback(give(1));
    expect(await measured(reader, "gauge")).toEqual([[{ pool: "a" }, 1]]);
  });

  test("MET-44 is not observed any more once its callbacks are removed", async () => {
    const reader = startSdk();
    const meter = create().meter("shop");
    const [gauge, other] = [meter.createObservableGauge("gauge"), meter.createObservableGauge("other")];
    const own = vi.fn<ObservableCallback>(give(1));
    const batch = vi.fn<BatchObservableCallback>((result) => result.observe(gauge, 5, { pool: "batch" }));
    gauge.addCallback(own);
    meter.addBatchObservableCallback(batch, [gauge, other]);
    expect(await measured(reader, "gauge")).toEqual([
      [{ pool: "a" }, 1],
      [{ pool: "batch" }, 5],
    ]);
    gauge.removeCallback(own);
    meter.removeBatchObservableCallback(batch, [gauge]);
    await reader.collect();
    expect(batch).toHaveBeenCalledTimes(2);
    meter.removeBatchObservableCallback(batch, [other, gauge]);
    await reader.collect();
    expect(own).toHaveBeenCalledTimes(1);
    expect(batch).toHaveBeenCalledTimes(2);
  });
});

function refuse(): never {
  throw new Error("this SDK is broken");
}

const BROKEN = { add: refuse, record: refuse, addCallback: () => undefined };

describe("a broken SDK", () => {
  const working: Counter = { add: () => undefined };

  test.each<{ what: string; provider: MeterProviderApi }>([
    { what: "whose meter cannot be made", provider: { getMeter: refuse } },
    { what: "whose meters make nothing", provider: { getMeter: () => brokenMeter(refuse) } },
    {
      what: "whose instruments throw",
      provider: { getMeter: () => brokenMeter(() => BROKEN) },
    },
  ])("MET-50 $what changes nothing for the request, and is named once", ({ provider }) => {
    setProvider(provider);
    const experiments = create();
    const result = openRequest(experiments, { header: CHECKOUT_MEMBERS }).run(() => {
      for (const { kind, record } of INSTRUMENTS) {
        record(experiments.meter("shop"), kind, 1);
        record(experiments.meter("shop"), kind, 1);
      }
      const gauge = experiments.meter("shop").createObservableGauge("gauge");
      gauge.addCallback(() => undefined);
      experiments.meter("shop").addBatchObservableCallback(() => undefined, [gauge]);
      experiments.record("search", "semantic");
      return experiments.variant("search");
    });
    expect(result).toBe("semantic");
    expect(log.lines).toHaveLength(1);
    expect(log.lines[0]).toMatch(/^warn: otel-experiments: (the meter|the instrument|a counter|an observable)/);
  });

  test("MET-51 does not keep the other instruments from measuring", () => {
    const added: number[] = [];
    const counters: { [name: string]: Counter } = {
      broken: { add: refuse },
      working: { add: (value) => void added.push(value) },
    };
    setProvider({ getMeter: () => brokenMeter((name) => counters[name] ?? working) });
    const meter = create().meter("shop");
    for (const name of ["working", "broken", "working"]) meter.createCounter(name).add(1);
    expect(added).toEqual([1, 1]);
  });

  test("MET-53 that takes and gives back no batch callback throws nothing", () => {
    const instrument: Observable = { addCallback: () => undefined, removeCallback: () => undefined };
    const make = (method: string): object => (method.includes("BatchObservable") ? refuse() : instrument);
    // why: a meter of which only the methods that are called count
    const broken = new Proxy(Object.create(null) as Meter, { get: (_, method) => () => make(String(method)) });
    setProvider({ getMeter: () => broken });
    const meter = create().meter("shop");
    const several: BatchObservableCallback = () => undefined;
    expect(() => {
      meter.addBatchObservableCallback(several, [instrument]);
      meter.removeBatchObservableCallback(several, [instrument]);
    }).not.toThrow();
  });

  test("MET-52 whose place a good one takes is forgotten", async () => {
    setProvider({ getMeter: refuse });
    const experiments = create();
    const counter = experiments.meter("shop").createCounter("orders");
    counter.add(1);
    const reader = startSdk();
    openRequest(experiments, { header: CHECKOUT_MEMBERS }).run(() => counter.add(10));
    expect(await measured(reader)).toEqual([[EXPRESS, 10]]);
  });
});

/** A meter that makes whatever it is told to. */
function brokenMeter(make: (name: string) => object): Meter {
  // why: a meter of which only the creating methods are called
  return new Proxy(Object.create(null) as Meter, { get: () => make });
}
