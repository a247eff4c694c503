import { AsyncResource } from "node:async_hooks";
import { Metadata } from "@grpc/grpc-js";
import {
  type Baggage,
  baggageEntryMetadataFromString,
  type Context,
  context,
  defaultTextMapGetter,
  defaultTextMapSetter,
  metrics,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  type TextMapGetter,
  trace,
} from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  CompositePropagator,
  RPCType,
  setRPCMetadata,
  suppressTracing,
  W3CBaggagePropagator,
  W3CTraceContextPropagator,
} from "@opentelemetry/core";
import { MeterProvider } from "@opentelemetry/sdk-metrics";
import { TracerProvider } from "@opentelemetry/sdk-trace";
import { ExperimentConfigError, type Experiments, type ExperimentsOptions } from "otel-experiments";
import { ExperimentPropagator, type ExperimentPropagatorOptions, ExperimentSpanProcessor } from "otel-experiments/sdk";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { type DiagLog, recordDiag } from "../support/diag.ts";
import { createOpen } from "../support/experiments.ts";
import { decodeOrKeep, hidingForms } from "../support/hiding-keys.ts";
import { openRequest } from "../support/opened-request.ts";
import { PointReader } from "../support/points.ts";
import { throughAmqp, throughKafka } from "./wire-formats.ts";

const OWN = "experiment.checkout.variant=express,experiment.checkout.id=checkout_1";

const reader = new PointReader();
let log: DiagLog;
let now = 0;

beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
});

beforeEach(() => {
  now += 600_000;
  vi.spyOn(performance, "now").mockImplementation(() => now);
  log = recordDiag();
});

afterEach(() => void vi.restoreAllMocks());

afterAll(() => context.disable());

function create(options: Partial<ExperimentsOptions> = {}): Experiments {
  return createOpen({ trustInbound: true, strict: true, ...options });
}

type Carrier = Record<string, unknown>;

function extract(
  carrier: unknown,
  from: Context = ROOT_CONTEXT,
  getter: TextMapGetter = defaultTextMapGetter,
): Context {
  return new ExperimentPropagator().extract(from, carrier, getter);
}

function inject<C extends object>(active: Context, carrier: C, options: ExperimentPropagatorOptions = {}): C {
  new ExperimentPropagator(options).inject(active, carrier, defaultTextMapSetter);
  return carrier;
}

/** What the carrier that a service receives becomes in the one that it sends. */
function passOn(baggage: unknown): unknown {
  return inject<Carrier>(extract({ baggage }), {})["baggage"];
}

function entriesIn(active: Context): readonly (readonly [string, string])[] {
  return (propagation.getBaggage(active)?.getAllEntries() ?? []).map(([key, { value }]) => [key, value]);
}

function rejected(): Promise<Readonly<Record<string, number>>> {
  return reader.sums("experiment.baggage.rejections", "reason");
}

describe("extract", () => {
  test("PRO-01 gives the others' members to OpenTelemetry's baggage, and none of ours", () => {
    create();
    const active = extract({
      baggage: `user=a%20b;p=1,${OWN},experiment%2Esearch.variant=x,experiment.search,\u00a0experiment.search.variant=y,tenant=2`,
    });
    expect(entriesIn(active)).toEqual([
      ["user", "a b"],
      ["tenant", "2"],
    ]);
    expect(propagation.getBaggage(active)?.getEntry("user")?.metadata?.toString()).toBe("p=1");
    for (const key of hidingForms("experiment.checkout.variant")) {
      expect(entriesIn(extract({ baggage: `${key}=evil,user=1` }))).toEqual([["user", "1"]]);
    }
  });

  test("PRO-02 takes ours out of what another propagator has put there", () => {
    create();
    const composite = new CompositePropagator({
      propagators: [new W3CBaggagePropagator(), new ExperimentPropagator()],
    });
    for (const baggage of [`user=1,${OWN}`, OWN, "experiment%2Echeckout.variant=express"]) {
      const active = composite.extract(ROOT_CONTEXT, { baggage }, defaultTextMapGetter);
      expect(entriesIn(active).filter(([key]) => key.startsWith("experiment."))).toEqual([]);
    }
  });

  test("PRO-03 keeps ours out too while there are no experiments at all", () => {
    const active = extract({ baggage: `user=1,${OWN},experiment%2Esearch.variant=x` });
    expect(entriesIn(active)).toEqual([["user", "1"]]);
    expect(inject(active, {})).toEqual({ baggage: "user=1" });
  });

  test("PRO-04 makes a scope, in which everything works as in a request", async () => {
    const experiments = create();
    const counter = experiments.meter("calls").createCounter("calls.done");
    await context.with(extract({ baggage: OWN }), async () => {
      expect(experiments.variant("checkout")).toBe("express");
      await Promise.resolve();
      expect(experiments.record("search", "semantic")).toBe("semantic");
      counter.add(1);
      expect(experiments.current().assignments).toHaveLength(2);
    });
    expect(experiments.variant("checkout")).toBeUndefined();
    expect((await reader.points("calls.done"))[0]?.attributes).toEqual({
      "experiment.id": "checkout_1",
      "experiment.variant": "express",
    });
  });

  test("PRO-05 makes an empty scope of a carrier without baggage, or of none", () => {
    const experiments = create();
    for (const carrier of [{}, undefined, null]) {
      context.with(extract(carrier), () => expect(experiments.record("checkout", "control")).toBe("control"));
    }
  });

  test.each<{ form: string; carrier: unknown; getter?: TextMapGetter }>([
    { form: "text", carrier: { baggage: `user=1,${OWN}` } },
    { form: "what amqplib receives", carrier: throughAmqp({ baggage: `user=1,${OWN}` }) },
    { form: "bytes", carrier: throughKafka({ baggage: `user=1,${OWN}` }) },
    { form: "lists of bytes", carrier: throughKafka({ baggage: ["user=1", OWN] }) },
    { form: "another case", carrier: { Baggage: `user=1,${OWN}` } },
    {
      form: "kafkajs, as its instrumentation reads it",
      carrier: throughKafka({ Baggage: `user=1,${OWN}` }),
      getter: {
        keys: (carrier) => Object.keys(carrier as object), // why: as that instrumentation's
        get: (carrier, key) =>
          Object.entries(carrier as Carrier) // why: as above
            .find(([name]) => name.toLowerCase() === key)?.[1]
            ?.toString(),
      },
    },
    {
      form: "gRPC's metadata, as its instrumentation reads it",
      carrier: metadataOf(`user=1,${OWN}`),
      getter: {
        keys: (carrier) => Object.keys((carrier as Metadata).getMap()), // why: as that instrumentation's
        get: (carrier, key) => (carrier as Metadata).get(key).map(String), // why: as above
      },
    },
  ])("PRO-06 reads $form", ({ carrier, getter }) => {
    const experiments = create();
    const active = extract(carrier, ROOT_CONTEXT, getter);
    expect(entriesIn(active)).toEqual([["user", "1"]]);
    expect(context.with(active, () => experiments.variant("checkout"))).toBe("express");
  });

  test.each<{ says: string; options: Partial<ExperimentsOptions>; believed: boolean }>([
    { says: "nobody", options: { trustInbound: false }, believed: false },
    { says: "everybody", options: { trustInbound: true }, believed: true },
    { says: "networks", options: { trustInbound: ["0.0.0.0/0", "::/0"], trustProxied: true }, believed: false },
    {
      says: "a predicate, by the carrier's headers",
      options: { trustInbound: ({ header, peer }) => header("x-token") === "t" && peer === undefined },
      believed: true,
    },
  ])(
    "PRO-07 is believed as trustInbound says, once, when it is first asked for: $says",
    async ({ options, believed }) => {
      const experiments = create(options);
      const before = (await rejected())["untrusted"] ?? 0;
      const active = extract(throughKafka({ baggage: OWN, "X-Token": "t" }));
      const unasked = extract({ baggage: OWN });
      expect((await rejected())["untrusted"] ?? 0).toBe(before);
      for (let i = 0; i < 3; i++) {
        expect(context.with(active, () => experiments.variant("checkout"))).toBe(believed ? "express" : undefined);
      }
      expect(unasked).toBeDefined();
      expect(((await rejected())["untrusted"] ?? 0) - before).toBe(believed ? 0 : 2);
    },
  );

  test("PRO-08 makes a scope of each instance, also of one that comes later, and of none that is closed", async () => {
    const shop = create();
    const gone = create();
    await gone.close();
    const active = extract({ baggage: OWN });
    context.with(active, () => {
      expect(shop.variant("checkout")).toBe("express");
      expect(gone.variant("checkout")).toBeUndefined();
      const late = create();
      expect(late.variant("checkout")).toBe("express");
      late.record("search", "semantic");
      expect(shop.variant("search")).toBeUndefined();
    });
  });

  test("PRO-09 leaves an HTTP request to its adapter: nothing is read, nothing is counted", async () => {
    const experiments = create({ trustInbound: false });
    const before = await rejected();
    for (const carrier of [
      { host: "shop.internal", baggage: `user=1,${OWN}` },
      { ":authority": "shop.internal", baggage: `user=1,${OWN}` },
    ]) {
      const active = extract(carrier);
      expect(entriesIn(active)).toEqual([["user", "1"]]);
      context.with(active, () => {
        expect(experiments.variant("checkout")).toBeUndefined();
        // There is no scope to record to.
        expect(experiments.record("checkout", "control")).toBeUndefined();
      });
    }
    expect(await rejected()).toEqual(before);
  });

  test("PRO-10 lets a trust predicate ask for the variant that it decides about", () => {
    const experiments: Experiments = create({ trustInbound: () => experiments.variant("checkout") === undefined });
    expect(context.with(extract({ baggage: OWN }), () => experiments.variant("checkout"))).toBe("express");
  });
});

function metadataOf(...lines: readonly string[]): Metadata {
  const metadata = new Metadata();
  for (const line of lines) metadata.add("baggage", line);
  return metadata;
}

describe("which scope counts", () => {
  test("PRO-20 the one that was opened later: a carrier within a request, a message within a carrier", () => {
    const experiments = create();
    openRequest(experiments).run(() => {
      experiments.record("checkout", "control");
      context.with(extract({ baggage: OWN }), () => {
        expect(experiments.variant("checkout")).toBe("express");
        experiments.run({}, () => expect(experiments.variant("checkout")).toBeUndefined());
        expect(experiments.variant("checkout")).toBe("express");
      });
      expect(experiments.variant("checkout")).toBe("control");
    });
    context.with(extract({ baggage: OWN }), () => {
      openRequest(experiments).run(() => expect(experiments.variant("checkout")).toBeUndefined());
    });
  });

  test("PRO-21 the request's, where a carrier in it says nothing of experiments, as one that continues a trace", () => {
    const experiments = create();
    openRequest(experiments).run(() => {
      experiments.record("checkout", "control");
      context.with(extract({ baggage: "user=1" }, context.active()), () =>
        expect(experiments.variant("checkout")).toBe("control"),
      );
    });
  });

  test("PRO-28 no request's that is over, where no span shows that the carrier is read for it", () => {
    const experiments = create();
    const { run, close } = openRequest(experiments);
    const onMessage = run(() => {
      experiments.record("checkout", "control");
      return AsyncResource.bind(() => context.with(extract({}, ROOT_CONTEXT), () => experiments.variant("checkout")));
    });
    expect(onMessage()).toBe("control");
    close();
    expect(onMessage()).toBeUndefined();
  });

  test("PRO-27 no other request's, in the callbacks of a connection that was opened while that was served", () => {
    const experiments = create({ propagateTo: ["queue:orders"] });
    const server = new TracerProvider().getTracer("test").startSpan("GET /", { kind: SpanKind.SERVER });
    const active = setRPCMetadata(trace.setSpan(ROOT_CONTEXT, server), { type: RPCType.HTTP, span: server });
    // As instrumentations of queues do it, for each message that comes over the connection.
    const consume = (headers: object): unknown =>
      context.with(extract(headers, ROOT_CONTEXT), () => [
        experiments.variant("checkout"),
        experiments.inject({}, { to: "queue:orders" }),
      ]);
    const { run, close } = context.with(active, () => openRequest(experiments));
    const onMessage = run(() => {
      experiments.record("checkout", "control");
      return AsyncResource.bind(consume);
    });
    expect(onMessage({ baggage: "user=1" })).toEqual([undefined, {}]);
    expect(onMessage({})).toEqual([undefined, {}]);
    expect(onMessage({ baggage: OWN })).toEqual(["express", { baggage: OWN }]);
    close();
    expect(onMessage({})).toEqual([undefined, {}]);
  });

  test("PRO-22 the carrier's, where async context is lost and OpenTelemetry's is bound again", () => {
    const experiments = create();
    const { run } = openRequest(experiments);
    const active = run(() => extract({ baggage: OWN }));
    expect(context.with(active, () => experiments.variant("checkout"))).toBe("express");
  });

  test("PRO-23 that of the RPC span, where it was set behind the carrier, and the carrier's where before", () => {
    const experiments = create();
    const server = new TracerProvider().getTracer("test").startSpan("GET /", { kind: SpanKind.SERVER });
    const served = (active: Context): Context =>
      setRPCMetadata(trace.setSpan(active, server), { type: RPCType.HTTP, span: server });
    context.with(served(ROOT_CONTEXT), () =>
      openRequest(experiments).run(() => experiments.record("checkout", "control")),
    );
    const behind = served(extract({ baggage: OWN }));
    const before = extract({ baggage: OWN }, served(ROOT_CONTEXT));
    expect(context.with(behind, () => experiments.variant("checkout"))).toBe("control");
    expect(context.with(before, () => experiments.variant("checkout"))).toBe("express");
  });
});

describe("the span of a call", () => {
  const tracer = new TracerProvider({ spanProcessors: [new ExperimentSpanProcessor()] }).getTracer("test");
  const EXPRESS = {
    "experiment.checkout.variant": "express",
    "experiment.checkout.id": "checkout_1",
    "experiment.variant": "express",
    "experiment.id": "checkout_1",
  };

  function attributesOf(span: Span): unknown {
    return (span as Span & { readonly attributes: object }).attributes; // why: the SDK's spans show them
  }

  test.each([SpanKind.SERVER, SpanKind.CONSUMER])(
    "PRO-30 has what came in, and what is recorded later (kind %i)",
    (kind) => {
      const experiments = create();
      const active = extract({ baggage: OWN });
      const span = tracer.startSpan("call", { kind }, active);
      expect(attributesOf(span)).toEqual(EXPRESS);
      context.with(trace.setSpan(active, span), () => experiments.record("search", "semantic"));
      expect(attributesOf(span)).toMatchObject({ "experiment.search.variant": "semantic" });
      span.end();
    },
  );

  test("PRO-31 and its children have the flat pair", () => {
    create();
    const active = extract({ baggage: OWN });
    const span = tracer.startSpan("call", { kind: SpanKind.SERVER }, active);
    const child = tracer.startSpan("query", {}, trace.setSpan(active, span));
    child.end();
    expect(attributesOf(child)).toEqual({ "experiment.variant": "express", "experiment.id": "checkout_1" });
  });

  test("PRO-32 is the first one, and never an HTTP request's, a batch's, or one of another kind", () => {
    create();
    const active = extract({ baggage: OWN });
    tracer.startSpan("call", { kind: SpanKind.SERVER }, active);
    const second = tracer.startSpan("inner", { kind: SpanKind.SERVER }, active);
    expect(attributesOf(second)).toEqual({});
    const request = tracer.startSpan("GET /", { kind: SpanKind.SERVER }, extract({ host: "a", baggage: OWN }));
    expect(attributesOf(request)).toEqual({});
    const method = { "http.request.method": "GET" };
    const old = tracer.startSpan("GET /", { kind: SpanKind.SERVER, attributes: method }, extract({ baggage: OWN }));
    expect(attributesOf(old)).toEqual(method);
    const attributes = { "messaging.batch.message_count": 3 };
    const batch = tracer.startSpan("poll", { kind: SpanKind.CONSUMER, attributes }, extract({ baggage: OWN }));
    expect(attributesOf(batch)).toEqual(attributes);
    const suppressed = tracer.startSpan("call", { kind: SpanKind.SERVER }, suppressTracing(extract({ baggage: OWN })));
    expect(suppressed.isRecording() ? attributesOf(suppressed) : {}).toEqual({});
  });
});

describe("inject", () => {
  test("PRO-40 writes what the context's scope has, behind the others' members", () => {
    const experiments = create();
    openRequest(experiments).run(() => {
      experiments.record("checkout", "express");
      const baggage = propagation.createBaggage({ user: { value: "a b" } });
      expect(inject(propagation.setBaggage(context.active(), baggage), {})).toEqual({ baggage: `user=a%20b,${OWN}` });
      expect(inject(context.active(), {})).toEqual({ baggage: OWN });
    });
    expect(inject(ROOT_CONTEXT, {})).toEqual({});
  });

  test("PRO-41 writes what a carrier brought into the next one, by the context that is given", () => {
    create();
    expect(inject(extract({ baggage: `user=1,${OWN}` }), {})).toEqual({ baggage: `user=1,${OWN}` });
  });

  test("PRO-42 never takes ours from OpenTelemetry's baggage, whoever put it there", () => {
    create();
    const baggage = propagation.createBaggage({
      "experiment.checkout.variant": { value: "express" },
      "experiment%2Esearch.variant": { value: "x" },
      user: { value: "1" },
    });
    expect(inject(propagation.setBaggage(ROOT_CONTEXT, baggage), {})).toEqual({ baggage: "user=1" });
    for (const key of hidingForms("experiment.checkout.variant").flatMap((form) => [form, decodeOrKeep(form)])) {
      const hiding = propagation.createBaggage({ [key]: { value: "evil" }, user: { value: "1" } });
      expect(inject(propagation.setBaggage(ROOT_CONTEXT, hiding), {})).toEqual({ baggage: "user=1" });
    }
  });

  test("PRO-72 nor does another propagator, if the experiments are closed before it reads what was extracted", async () => {
    const experiments = create({ prefix: "acme." });
    const baggage = propagation.createBaggage({ "acme.checkout.variant": { value: "express" }, user: { value: "1" } });
    const extracted = extract({}, propagation.setBaggage(ROOT_CONTEXT, baggage));
    await experiments.close();
    const carrier = {};
    new W3CBaggagePropagator().inject(extracted, carrier, defaultTextMapSetter);
    expect(carrier).toEqual({ baggage: "user=1" });
  });

  const existing: readonly { form: string; carrier: () => object; read?: (carrier: never) => unknown }[] = [
    { form: "text", carrier: () => ({ baggage: "a=1;p, b=2" }) },
    { form: "bytes", carrier: () => ({ baggage: Buffer.from("a=1;p, b=2") }) },
    { form: "a list", carrier: () => ({ baggage: ["a=1;p", Buffer.from(" b=2")] }) },
    { form: "another case", carrier: () => ({ Baggage: "a=1;p, b=2" }) },
  ];

  test.each(existing)("PRO-43 merges what the carrier has, in one entry, once and again: $form", ({ carrier }) => {
    const experiments = create();
    openRequest(experiments).run(() => {
      experiments.record("checkout", "express");
      const baggage = propagation.createBaggage({ user: { value: "1" }, b: { value: "from the context" } });
      const active = propagation.setBaggage(context.active(), baggage);
      const filled = inject(active, carrier());
      expect(filled).toEqual({ baggage: `a=1;p, b=2,user=1,${OWN}` });
      expect(inject(active, filled)).toEqual({ baggage: `a=1;p, b=2,user=1,${OWN}` });
    });
  });

  test("PRO-44 merges what gRPC's metadata, a Map and Headers have", () => {
    const experiments = create();
    openRequest(experiments).run(() => {
      experiments.record("checkout", "express");
      const setter = {
        set: (carrier: { set(key: string, value: string): void }, k: string, v: string) => carrier.set(k, v),
      };
      const propagator = new ExperimentPropagator();
      const metadata = metadataOf("a=1", "b=2");
      propagator.inject(context.active(), metadata, setter);
      expect(metadata.get("baggage")).toEqual([`a=1,b=2,${OWN}`]);
      const map = new Map([["Baggage", "a=1"]]);
      propagator.inject(context.active(), map, setter);
      expect([...map]).toEqual([["baggage", `a=1,${OWN}`]]);
      const headers = new Headers({ baggage: "a=1" });
      propagator.inject(context.active(), headers, setter);
      expect([...headers]).toEqual([["baggage", `a=1,${OWN}`]]);
    });
  });

  test.each<{ says: string; inject: ExperimentPropagatorOptions["inject"]; passes: boolean }>([
    { says: "true", inject: true, passes: true },
    { says: "false", inject: false, passes: false },
    { says: "yes", inject: (carrier) => (carrier as Carrier)["to"] === "us", passes: true }, // why: it is ours
    { says: "no", inject: (carrier) => (carrier as Carrier)["to"] === "them", passes: false }, // why: as above
    {
      says: "an error",
      inject: () => {
        throw new Error("no");
      },
      passes: false,
    },
    { says: "a promise", inject: (async () => true) as never, passes: false }, // why: JavaScript can give it
  ])("PRO-45 asks whether ours may pass: $says", ({ inject: says, passes }) => {
    const experiments = create();
    openRequest(experiments).run(() => {
      experiments.record("checkout", "express");
      const carrier = { to: "us", baggage: `user=1,experiment.checkout.variant=control,experiment%2Ea=1` };
      const filled = inject(context.active(), carrier, says === undefined ? {} : { inject: says });
      expect(filled.baggage).toBe(passes ? `user=1,${OWN}` : "user=1");
      const only: Carrier = { to: "us", Baggage: OWN };
      inject(context.active(), only, says === undefined ? {} : { inject: says });
      expect(only).toEqual(passes ? { to: "us", baggage: OWN } : { to: "us" });
    });
  });

  test("PRO-46 writes nothing of a closed instance, and keeps the others' baggage in where it may not go", async () => {
    const experiments = create();
    const strict = create({ foreignBaggage: "allowed-only" });
    const active = extract({ baggage: `user=1,${OWN}` });
    expect(inject(active, {})).toEqual({ baggage: `user=1,${OWN}` });
    expect(inject(active, {}, { inject: false })).toEqual({});
    expect(inject(extract({ baggage: "user=1" }), {})).toEqual({ baggage: "user=1" });
    await strict.close();
    await experiments.close();
    expect(inject(active, {})).toEqual({ baggage: "user=1" });
  });

  test("PRO-47 fits the line into 8192 bytes, by whole members, and theirs before ours", async () => {
    create();
    const long = `f=${"x".repeat(4000)}`;
    const other = `g=${"y".repeat(4180)}`;
    const active = extract({ baggage: `${other},${OWN}` });
    expect(inject(active, { baggage: long })).toEqual({ baggage: `${long},${other}` });
    expect(inject(active, { baggage: `${long}zzzzzzzzzzzzzzzzzzzzzzzz` })).toEqual({
      baggage: `${long}zzzzzzzzzzzzzzzzzzzzzzzz,${OWN}`,
    });
    const million = inject<Carrier>(extract({ baggage: `${"a=1,".repeat(300_000)}${OWN}` }), {});
    expect(String(million["baggage"]).length).toBeLessThanOrEqual(8192);
  });

  test("PRO-48 does nothing where tracing is suppressed, as OpenTelemetry's does", () => {
    create();
    expect(inject(suppressTracing(extract({ baggage: `user=1,${OWN}` })), {})).toEqual({});
  });
});

describe("the others' members", () => {
  test.each([
    "a=1",
    " a = 1 ;p=2 ; q ,b=2",
    "10=x,9=y,__proto__=z,constructor=w",
    "empty=,b=2",
    "a=1,a=2,a=1%20",
    "k%65y=%41%2c;m=%20",
    "broken,=x,b=2",
    "bad=%zz,b=2",
    "utf=%E6%97%A5,inv=%FF",
    'quoted="x y",b=2',
    `a=${"x".repeat(5000)}`,
    "ctl=%0d%0a%00",
    Array.from({ length: 500 }, (_, i) => `k${i}=v`).join(","),
  ])("PRO-50 pass byte for byte as long as nobody changes them: %s", (baggage) => {
    create();
    expect(passOn(baggage)).toBe(baggage);
  });

  test("PRO-51 are changed where somebody changes them, each alone", () => {
    create();
    const active = extract({ baggage: "a=%41;p=1,b=%42,broken,c=%43,c=%44" });
    const baggage = propagation.getBaggage(active);
    const changed = (change: (given: Baggage) => Baggage | undefined): unknown => {
      const next = baggage === undefined ? undefined : change(baggage);
      return inject<Carrier>(next === undefined ? active : propagation.setBaggage(active, next), {})["baggage"];
    };
    expect(changed((given) => given.setEntry("b", { value: "x y" }))).toBe("a=%41;p=1,c=%43,c=%44,b=x%20y");
    expect(changed((given) => given.removeEntry("a"))).toBe("b=%42,c=%43,c=%44");
    expect(changed((given) => given.setEntry("d", { value: "4" }))).toBe("a=%41;p=1,b=%42,c=%43,c=%44,d=4");
    expect(changed((given) => given.removeEntry("c").setEntry("a", { value: "A" }))).toBe("b=%42,a=A");
    expect(changed(() => propagation.createBaggage())).toBeUndefined();
    expect(inject(propagation.deleteBaggage(active), {})).toEqual({});
  });

  test("PRO-52 do not pass where a control character would end the header", () => {
    create();
    expect(passOn("a=1,evil=x\r\nset-cookie: y,b=\u0000,c=3")).toBe("a=1,c=3");
    // What is no ASCII is encoded.
    expect(passOn("u=é,b=2")).toBe("u=%C3%A9,b=2");
  });
});

describe("hostile values", () => {
  const foreign = (key: string, value: string, metadata?: string): Context => {
    const entry = metadata === undefined ? { value } : { value, metadata: baggageEntryMetadataFromString(metadata) };
    const baggage = propagation.createBaggage().setEntry("before", { value: "1" }).setEntry(key, entry);
    return propagation.setBaggage(ROOT_CONTEXT, baggage.setEntry("after", { value: "2" }));
  };

  test.each<{ what: string; active: Context; written: string }>([
    { what: "a lone surrogate", active: foreign("k", "\ud800"), written: "before=1,k=%EF%BF%BD,after=2" },
    { what: "one in the key", active: foreign("\udfff", "v"), written: "before=1,%EF%BF%BD=v,after=2" },
    { what: "line breaks", active: foreign("k", "a\r\nb: c"), written: "before=1,k=a%0D%0Ab:%20c,after=2" },
    { what: "line breaks in the key", active: foreign("a\r\nb", "v"), written: "before=1,a%0D%0Ab=v,after=2" },
    { what: "another member as metadata", active: foreign("k", "v", "p=1,evil=2"), written: "before=1,after=2" },
    { what: "line breaks as metadata", active: foreign("k", "v", "p\r\nx: y"), written: "before=1,after=2" },
    { what: "properties as metadata", active: foreign("k", "v", "p=1;q"), written: "before=1,k=v;p=1;q,after=2" },
    { what: "an empty value", active: foreign("k", ""), written: "before=1,k=,after=2" },
    { what: "an empty key", active: foreign("", "v"), written: "before=1,after=2" },
    { what: "__proto__", active: foreign("__proto__", "v"), written: "before=1,__proto__=v,after=2" },
    { what: "a delimiter in the key", active: foreign("a=b,c", "(v)"), written: "before=1,a%3Db%2Cc=(v),after=2" },
    { what: "a percent sign in the key", active: foreign("a%41", "v"), written: "before=1,a%2541=v,after=2" },
    { what: "a megabyte", active: foreign("k", "x".repeat(1 << 20)), written: "before=1,after=2" },
    {
      what: "what is no text",
      active: foreign("k", 7 as unknown as string), // why: JavaScript can put it there
      written: "before=1,after=2",
    },
    {
      what: "metadata that throws",
      active: propagation.setBaggage(
        ROOT_CONTEXT,
        propagation.createBaggage({
          k: {
            value: "v",
            metadata: {
              toString() {
                throw new Error("metadata");
              },
            } as never, // why: JavaScript can put it there
          },
          after: { value: "2" },
        }),
      ),
      written: "after=2",
    },
  ])("PRO-60 cost their own member at most: $what", ({ active, written }) => {
    create();
    expect(inject(active, {})).toEqual({ baggage: written });
  });

  test("PRO-61 make OpenTelemetry's own propagator throw, which is why", () => {
    expect(() => new W3CBaggagePropagator().inject(foreign("k", "\ud800"), {}, defaultTextMapSetter)).toThrow(URIError);
  });

  const throwing = new Proxy(
    {},
    {
      get() {
        throw new Error("get");
      },
      set() {
        throw new Error("set");
      },
      ownKeys() {
        throw new Error("keys");
      },
    },
  );
  const refuse = (): never => {
    throw new Error("refused");
  };

  test.each<{ what: string; act: () => unknown }>([
    { what: "a carrier, read", act: () => extract(throwing) },
    { what: "a getter", act: () => extract({}, ROOT_CONTEXT, { get: refuse, keys: refuse }) },
    { what: "a carrier, filled", act: () => inject(foreign("k", "v"), throwing) },
    { what: "a frozen carrier", act: () => inject(foreign("k", "v"), Object.freeze({ baggage: "a=1" })) },
    {
      what: "a setter",
      act: () => new ExperimentPropagator().inject(foreign("k", "v"), {}, { set: refuse }),
    },
    {
      what: "a context",
      act: () =>
        inject(
          {
            getValue: refuse,
            setValue: refuse,
            deleteValue: refuse,
          },
          {},
        ),
    },
  ])("PRO-62 that throw go to diag, and to nobody else: $what", ({ act }) => {
    create();
    expect(act).not.toThrow();
    expect(log.take()).toEqual([expect.stringMatching(/^warn: otel-experiments: (a|what a) carrier/)]);
  });

  test("PRO-63 in gRPC's metadata, which takes printable ASCII alone, cost their own member", () => {
    create();
    const setter = { set: (carrier: Metadata, key: string, value: string) => carrier.set(key, value) };
    const metadata = new Metadata();
    new ExperimentPropagator().inject(extract({ baggage: `a=1,\tb=2,c=3;\tp,${OWN}` }), metadata, setter);
    expect(metadata.get("baggage")).toEqual([`a=1,b=2,${OWN}`]);
  });

  test("PRO-64 in what comes in are no trouble: a megabyte, strange keys, broken members", () => {
    const experiments = create();
    const baggage = `${"experiment.,".repeat(80_000)}__proto__=1,constructor=2,=,;,${OWN}`;
    const active = extract({ baggage, ["__proto__"]: "x" });
    expect(context.with(active, () => experiments.variant("checkout"))).toBeUndefined();
    expect(entriesIn(active)).toEqual([
      ["__proto__", "1"],
      ["constructor", "2"],
    ]);
  });
});

describe("the propagator", () => {
  test("PRO-70 names its field, and says what is wrong with its options", () => {
    expect(new ExperimentPropagator().fields()).toEqual(["baggage"]);
    for (const options of [{ inject: "yes" }, { inject: 1 }, { injects: true }, null, []]) {
      expect(() => new ExperimentPropagator(options as never)).toThrow(ExperimentConfigError); // why: they are wrong
    }
  });

  test("PRO-71 stands beside that of the trace context", () => {
    const experiments = create();
    const composite = new CompositePropagator({
      propagators: [new W3CTraceContextPropagator(), new ExperimentPropagator()],
    });
    const span = new TracerProvider().getTracer("test").startSpan("publish");
    const carrier: Carrier = {};
    openRequest(experiments).run(() => {
      experiments.record("checkout", "express");
      composite.inject(trace.setSpan(context.active(), span), carrier, defaultTextMapSetter);
    });
    const active = composite.extract(ROOT_CONTEXT, throughAmqp(carrier), defaultTextMapGetter);
    expect(trace.getSpanContext(active)?.traceId).toBe(span.spanContext().traceId);
    expect(context.with(active, () => experiments.variant("checkout"))).toBe("express");
    expect(composite.fields()).toContain("baggage");
  });
});
