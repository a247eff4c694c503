import {
  context,
  metrics,
  propagation,
  ROOT_CONTEXT,
  type Span,
  type SpanAttributes,
  SpanKind,
  trace,
} from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { RPCType, setRPCMetadata } from "@opentelemetry/core";
import { MeterProvider } from "@opentelemetry/sdk-metrics";
import { TracerProvider } from "@opentelemetry/sdk-trace";
import { type Experiments, type ExperimentsOptions } from "otel-experiments";
import { experimentFetch } from "otel-experiments/fetch";
import { ExperimentSpanProcessor } from "otel-experiments/sdk";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, expectTypeOf, test, vi } from "vitest";
import { startWireServer, type WireServer } from "../../testing/wire/server.ts";
import { type DiagLog, recordDiag } from "../support/diag.ts";
import { createOpen } from "../support/experiments.ts";
import { openRequest } from "../support/opened-request.ts";
import { PointReader } from "../support/points.ts";
import { throughAmqp, throughKafka } from "./wire-formats.ts";

const OWN = "experiment.checkout.variant=express,experiment.checkout.id=checkout_1";
const TRUSTED = { trusted: true };

const tracer = new TracerProvider().getTracer("test");
const reader = new PointReader();
let downstream: WireServer;
let log: DiagLog;
let now = 0;

beforeAll(async () => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
  downstream = await startWireServer();
});

beforeEach(() => {
  now += 600_000;
  vi.spyOn(performance, "now").mockImplementation(() => now);
  log = recordDiag();
  downstream.clear();
});

afterEach(() => void vi.restoreAllMocks());

afterAll(async () => {
  await downstream.close();
  context.disable();
});

function create(options: Partial<ExperimentsOptions> = {}): Experiments {
  return createOpen({ strict: true, ...options });
}

/** The headers of a message of somebody who has the variant. */
function message(variant = "express"): { readonly baggage: Buffer } {
  return { baggage: Buffer.from(`user=1,experiment.checkout.variant=${variant},experiment.checkout.id=checkout_1`) };
}

describe("run", () => {
  test("RUN-01 gives the consumer the variant that the producer had, through the codecs of kafkajs and amqplib", async () => {
    const producer = create({ propagateTo: ["queue:orders"] });
    const consumer = create();
    const sent = openRequest(producer).run(() => {
      producer.record("checkout", "express");
      return producer.inject({ baggage: "user=1" }, { to: "queue:orders" });
    });
    for (const headers of [throughKafka(sent), throughAmqp(sent), throughKafka(throughAmqp(sent) as typeof sent)]) {
      const seen = await consumer.run(headers, async () => consumer.variant("checkout"), TRUSTED);
      expect(seen).toBe("express");
    }
    expect(consumer.variant("checkout")).toBeUndefined();
  });

  test.each<{ form: string; headers: object }>([
    { form: "text", headers: { baggage: OWN } },
    { form: "bytes", headers: { baggage: Buffer.from(OWN) } },
    { form: "lists", headers: { baggage: ["user=1", Buffer.from(OWN)] } },
    { form: "another case", headers: { Baggage: OWN } },
    { form: "several entries", headers: { BAGGAGE: "user=1", baggage: OWN } },
    { form: "a Map", headers: new Map([["Baggage", OWN]]) },
    { form: "Headers", headers: new Headers({ baggage: OWN }) },
  ])("RUN-02 reads $form", ({ headers }) => {
    const experiments = create();
    expect(experiments.run(headers, () => experiments.variant("checkout"), TRUSTED)).toBe("express");
  });

  test("RUN-03 opens an empty scope where there is nothing to read", () => {
    const experiments = create();
    for (const carrier of [undefined, null, {}, new Map(), { baggage: 7 }, { baggage: "" }]) {
      const seen = experiments.run(
        carrier,
        () => {
          expect(experiments.current().assignments).toEqual([]);
          return experiments.record("checkout", "control");
        },
        TRUSTED,
      );
      expect(seen).toBe("control");
    }
    expect(log.take()).toEqual([]);
  });

  test("RUN-04 gives the function's own result, at once where that is at hand, and its own error", async () => {
    const experiments = create();
    const result = {};
    const error = new Error("mine");
    expect(experiments.run({}, () => result)).toBe(result);
    expect(await experiments.run({}, async () => result)).toBe(result);
    expect(() =>
      experiments.run({}, () => {
        throw error;
      }),
    ).toThrow(error);
    await expect(experiments.run({}, () => Promise.reject(error))).rejects.toBe(error);
    expectTypeOf(experiments.run({}, () => 1)).toEqualTypeOf<number>();
    expectTypeOf(experiments.run({}, async () => "a")).toEqualTypeOf<Promise<string>>();
  });

  test("RUN-05 starts in the scope what starts when it is awaited, such as a query", async () => {
    const experiments = create();
    const query = {
      // oxlint-disable-next-line unicorn/no-thenable -- this is what query builders are
      then(resolve: (variant: unknown) => void) {
        resolve(experiments.variant("checkout"));
      },
    };
    expect(await experiments.run(message(), () => query, TRUSTED)).toBe("express");
  });

  test.each<{ says: string; options: Partial<ExperimentsOptions>; trusted?: boolean; believed: boolean }>([
    { says: "nobody by default", options: {}, believed: false },
    { says: "the call", options: {}, trusted: true, believed: true },
    { says: "everybody", options: { trustInbound: true }, believed: true },
    { says: "everybody, but not the call", options: { trustInbound: true }, trusted: false, believed: false },
    { says: "networks, and a message has no peer", options: { trustInbound: ["0.0.0.0/0", "::/0"] }, believed: false },
    {
      says: "networks, also for what is forwarded",
      options: { trustInbound: ["127.0.0.0/8"], trustProxied: true },
      believed: false,
    },
    {
      says: "a predicate, by the message's headers",
      options: { trustInbound: ({ header, peer }) => header("x-token") === "é" && peer === undefined },
      believed: true,
    },
    {
      says: "a predicate that throws",
      options: {
        trustInbound: () => {
          throw new Error("no");
        },
      },
      believed: false,
    },
  ])("RUN-06 believes whom it should: $says", async ({ options, trusted, believed }) => {
    const experiments = create(options);
    const headers = throughKafka({ baggage: OWN, "X-Token": "é" });
    const before = await rejected("untrusted");
    const seen = experiments.run(
      headers,
      () => experiments.variant("checkout"),
      trusted === undefined ? undefined : { trusted },
    );
    expect(seen).toBe(believed ? "express" : undefined);
    expect((await rejected("untrusted")) - before).toBe(believed ? 0 : 2);
  });

  test("RUN-07 within a request is the message's, and behind it the request's again", async () => {
    const experiments = create();
    await openRequest(experiments).run(async () => {
      experiments.record("checkout", "control");
      experiments.record("search", "semantic");
      const request = experiments.current();
      await experiments.run(
        message(),
        async () => {
          expect(experiments.variant("checkout")).toBe("express");
          expect(experiments.variant("search")).toBeUndefined();
          await Promise.resolve();
          expect(experiments.current()).not.toBe(request);
          experiments.run(message("control"), () => expect(experiments.variant("checkout")).toBe("control"), TRUSTED);
          expect(experiments.variant("checkout")).toBe("express");
        },
        TRUSTED,
      );
      expect(experiments.current()).toBe(request);
      expect(experiments.variant("checkout")).toBe("control");
    });
    expect(experiments.current().assignments).toEqual([]);
  });

  test("RUN-08 is of each instance that runs the message, and has nothing of the request around it", () => {
    const [shop, engine] = [create(), create()];
    openRequest(engine).run(() => {
      engine.record("search", "semantic");
      shop.run(
        message(),
        () => {
          expect(engine.variant("search")).toBeUndefined();
          engine.run({}, () => {
            expect(engine.record("search", "control")).toBe("control");
            expect(shop.variant("checkout")).toBe("express");
            shop.run({}, () => {
              expect(shop.variant("checkout")).toBeUndefined();
              expect(engine.variant("search")).toBeUndefined();
            });
          });
        },
        TRUSTED,
      );
      expect(engine.variant("search")).toBe("semantic");
    });
  });

  test("RUN-14 lends nothing of the request to the spans and the calls within, where the message has no variant", async () => {
    const experiments = create({ propagateTo: [downstream.origin, "queue:orders"] });
    const spans = new TracerProvider({ spanProcessors: [new ExperimentSpanProcessor()] }).getTracer("test");
    const wrapped = experimentFetch(experiments);
    await openRequest(experiments).run(async () => {
      experiments.record("checkout", "control");
      await experiments.run({}, async () => {
        const span = spans.startSpan("work");
        span.end();
        expect(attributesOf(span)).toEqual({});
        await wrapped(downstream.origin);
        expect(experiments.inject({}, { to: "queue:orders" })).toEqual({});
      });
    });
    expect(downstream.baggage()).toEqual([[]]);
  });

  test("RUN-09 lets record, meters and wrapped clients work as in a request", async () => {
    const experiments = create({ propagateTo: [downstream.origin] });
    const wrapped = experimentFetch(experiments);
    const counter = experiments.meter("jobs").createCounter("jobs.done");
    await experiments.run(
      message(),
      async () => {
        counter.add(1);
        expect(experiments.record("search", "semantic")).toBe("semantic");
        await wrapped(downstream.origin, { headers: { baggage: "user=1" } });
      },
      TRUSTED,
    );
    expect(downstream.baggage()).toEqual([
      [`user=1,${OWN},experiment.search.variant=semantic,experiment.search.id=search_1`],
    ]);
    const points = await reader.points("jobs.done");
    expect(points).toEqual([
      { attributes: { "experiment.id": "checkout_1", "experiment.variant": "express" }, value: 1, count: 1 },
    ]);
  });

  test("RUN-10 takes own members out of OpenTelemetry's baggage, and leaves the others'", () => {
    const experiments = create();
    const baggage = propagation.createBaggage({
      "experiment.checkout.variant": { value: "express" },
      user: { value: "1" },
    });
    context.with(propagation.setBaggage(ROOT_CONTEXT, baggage), () =>
      experiments.run({}, () => {
        expect(propagation.getActiveBaggage()?.getAllEntries()).toEqual([["user", { value: "1" }]]);
      }),
    );
  });

  test("RUN-11 mixes up nothing where messages are handled at the same time", async () => {
    const experiments = create();
    const variants = Array.from({ length: 300 }, (_, i) => (i % 2 === 0 ? "control" : "express"));
    const seen = await Promise.all(
      variants.map((variant, i) =>
        experiments.run(
          message(variant),
          async () => {
            for (let turn = 0; turn <= i % 7; turn++) await new Promise((resolve) => setImmediate(resolve));
            return experiments.variant("checkout");
          },
          TRUSTED,
        ),
      ),
    );
    expect(seen).toEqual(variants);
  });

  test("RUN-12 says what is a mistake in strict mode, and elsewhere goes on", () => {
    const strict = create();
    const mistake = (carrier: unknown, options?: object) => () => strict.run(carrier as object, () => 1, options); // why: JavaScript can give anything
    for (const carrier of ["text", 7, [], [["baggage", OWN]]]) {
      expect(mistake(carrier)).toThrow(expect.objectContaining({ code: "ERR_CARRIER" }));
    }
    expect(mistake({}, { trusted: "yes" })).toThrow(expect.objectContaining({ code: "ERR_OPTION_VALUE" }));
    const lenient = create({ strict: false, trustInbound: true });
    expect(lenient.run("text" as unknown as object, () => lenient.record("checkout", "express"))).toBe("express"); // why: as above
    const careless = { trusted: "yes" } as unknown as typeof TRUSTED; // why: as above
    expect(lenient.run(message(), () => lenient.variant("checkout"), careless)).toBeUndefined();
  });

  test("RUN-15 without a function throws in every mode, and says so", async () => {
    for (const strict of [true, false]) {
      const experiments = create({ strict });
      const error = expect.objectContaining({ name: "ExperimentUsageError", code: "ERR_FUNCTION" });
      const forgotten = TRUSTED as unknown as () => void; // why: JavaScript can forget it
      expect(() => experiments.run(message(), forgotten)).toThrow(error);
      expect(() => experiments.run(message(), forgotten)).toThrow("run(carrier, fn) got no function");
      await expect(experiments.runEach([], { carrier: () => ({}) }, forgotten)).rejects.toEqual(error);
    }
  });

  test("RUN-16 names an option that there is not: strict throws, elsewhere diag hears of it and the function runs", async () => {
    const unknown = { trust: true } as object; // why: JavaScript can misspell it
    const none = true as unknown as object; // why: as above
    const strict = create();
    expect(() => strict.run(message(), () => 1, unknown)).toThrow(
      expect.objectContaining({
        code: "ERR_UNKNOWN_OPTION",
        message: 'the option "trust" of run(carrier, fn, options) is unknown; did you mean trusted?',
      }),
    );
    expect(() => strict.run(message(), () => 1, none)).toThrow(expect.objectContaining({ code: "ERR_OPTIONS" }));
    expect(() => strict.run(message(), () => 1, { believe: true } as object)).toThrow(
      'the option "believe" of run(carrier, fn, options) is unknown; the only option is trusted',
    );
    await expect(strict.runEach([], { carrier: () => ({}), ...unknown }, () => 1)).rejects.toThrow(
      'the option "trust" of runEach(messages, options, fn) is unknown; did you mean trusted?',
    );
    const lenient = create({ strict: false });
    expect(lenient.run(message(), () => lenient.variant("checkout") ?? "none", unknown)).toBe("none");
    expect(log.take()).toContainEqual(expect.stringContaining('the option "trust"'));
    expect(lenient.run(message(), () => 1, none)).toBe(1);
  });

  test("RUN-13 goes on where headers cannot be read", () => {
    const experiments = create();
    const hostile = {
      get() {
        throw new Error("get");
      },
      set() {},
    };
    expect(experiments.run(hostile, () => experiments.record("checkout", "express"), TRUSTED)).toBe("express");
    expect(log.take()).toEqual([expect.stringContaining("a message could not be read")]);
  });
});

function attributesOf(span: Span): SpanAttributes {
  return (span as Span & { readonly attributes: SpanAttributes }).attributes; // why: the SDK's spans show them
}

async function rejected(reason: string): Promise<number> {
  const points = await reader.points("experiment.baggage.rejections");
  return points.find(({ attributes }) => attributes["reason"] === reason)?.value ?? 0;
}

describe("the consumer span", () => {
  /** What an instrumentation makes of a message. */
  function consumerSpan(attributes: SpanAttributes = {}, kind = SpanKind.CONSUMER): Span {
    return tracer.startSpan("process orders", { kind, attributes }, ROOT_CONTEXT);
  }

  function inSpan<T>(span: Span, fn: () => T): T {
    return context.with(trace.setSpan(ROOT_CONTEXT, span), fn);
  }

  test("RUN-20 has the variant, until the function has settled", async () => {
    const experiments = create();
    const span = consumerSpan();
    const gate = Promise.withResolvers<void>();
    let scope = experiments.current();
    const running = inSpan(span, () =>
      experiments.run(
        message(),
        () => {
          scope = experiments.current();
          return gate.promise;
        },
        TRUSTED,
      ),
    );
    expect(attributesOf(span)).toEqual({
      "experiment.checkout.variant": "express",
      "experiment.checkout.id": "checkout_1",
      "experiment.variant": "express",
      "experiment.id": "checkout_1",
    });
    gate.resolve();
    await running;
    expect(scope.record("search", "semantic")).toBe("semantic");
    expect(attributesOf(span)).not.toHaveProperty("experiment.search.variant");
    let late: (() => unknown) | undefined;
    const second = consumerSpan();
    inSpan(second, () =>
      experiments.run(message(), () => {
        const ended = experiments.current();
        late = () => ended.record("search", "semantic");
      }),
    );
    expect(late?.()).toBe("semantic");
    expect(attributesOf(second)).toEqual({});
  });

  test("RUN-21 of a batch is nobody's", async () => {
    const experiments = create();
    const span = consumerSpan({ "messaging.batch.message_count": 2 });
    inSpan(span, () => experiments.run(message(), () => experiments.variant("checkout"), TRUSTED));
    expect(attributesOf(span)).toEqual({ "messaging.batch.message_count": 2 });
    const each = consumerSpan();
    await inSpan(each, () =>
      experiments.runEach([message(), message("control")], { carrier: (one) => one, trusted: true }, () => undefined),
    );
    expect(attributesOf(each)).toEqual({});
  });

  test("RUN-22 is no other span: within a request its server span stays the request's", () => {
    const experiments = create();
    const server = tracer.startSpan("GET /", { kind: SpanKind.SERVER });
    const served = setRPCMetadata(trace.setSpan(ROOT_CONTEXT, server), { type: RPCType.HTTP, span: server });
    context.with(served, () =>
      openRequest(experiments).run(() => {
        experiments.run(message(), () => experiments.record("search", "semantic"), TRUSTED);
      }),
    );
    expect(attributesOf(server)).toEqual({});
    const internal = consumerSpan({}, SpanKind.INTERNAL);
    inSpan(internal, () => experiments.run(message(), () => undefined, TRUSTED));
    expect(attributesOf(internal)).toEqual({});
  });

  test("RUN-24 that starts within a request is the message's, and so are its children and measurements", async () => {
    const experiments = create();
    const spans = new TracerProvider({ spanProcessors: [new ExperimentSpanProcessor()] }).getTracer("test");
    const counter = experiments.meter("queries").createCounter("queries");
    const server = spans.startSpan("GET /", { kind: SpanKind.SERVER });
    const served = setRPCMetadata(trace.setSpan(ROOT_CONTEXT, server), { type: RPCType.HTTP, span: server });
    const children: Span[] = [];
    context.with(served, () =>
      openRequest(experiments).run(() => {
        experiments.record("checkout", "control");
        for (const headers of [message(), {}]) {
          const consumer = spans.startSpan("process", { kind: SpanKind.CONSUMER });
          context.with(trace.setSpan(context.active(), consumer), () =>
            experiments.run(
              headers,
              () => {
                children.push(consumer, spans.startSpan("query"));
                // A span that no processor of ours has seen, and a context that is given by name.
                const unseen = trace.setSpan(context.active(), tracer.startSpan("unseen"));
                counter.add(1, {}, unseen);
              },
              TRUSTED,
            ),
          );
        }
      }),
    );
    for (const span of children) span.end();
    const measured = (await reader.points("queries")).map(({ attributes }) => attributes["experiment.variant"]);
    expect(measured).toEqual(["express", "none"]);
    expect(children.map((span) => attributesOf(span)["experiment.variant"])).toEqual([
      "express",
      "express",
      undefined,
      undefined,
    ]);
    expect(attributesOf(server)).toMatchObject({ "experiment.checkout.variant": "control" });
  });

  test("RUN-23 is the first live message's that took it, and of all instances that run it", () => {
    const [shop, engine] = [create(), create()];
    const span = consumerSpan();
    inSpan(span, () =>
      shop.run(
        message(),
        () => {
          engine.run({}, () => engine.record("search", "semantic"));
          shop.run(message("control"), () => undefined, TRUSTED);
        },
        TRUSTED,
      ),
    );
    expect(attributesOf(span)).toMatchObject({
      "experiment.checkout.variant": "express",
      "experiment.search.variant": "semantic",
    });
  });
});

describe("runEach", () => {
  interface Message {
    readonly headers?: object;
    readonly i?: number;
  }

  const each = { carrier: (one: Message) => one.headers, trusted: true };

  test("RUN-30 opens a scope for each message, one after the other and in order", async () => {
    const experiments = create();
    const batch = ["control", "express", "control"].map((variant, i) => ({ headers: message(variant), i }));
    const seen: unknown[] = [];
    let running = 0;
    const done = experiments.runEach([...batch, { i: 3 }], each, async (one) => {
      expect(++running).toBe(1);
      await new Promise((resolve) => setImmediate(resolve));
      seen.push([one.i, experiments.variant("checkout")]);
      running--;
    });
    expectTypeOf(done).toEqualTypeOf<Promise<void>>();
    expect(await done).toBeUndefined();
    expect(seen).toEqual([
      [0, "control"],
      [1, "express"],
      [2, "control"],
      [3, undefined],
    ]);
  });

  test("RUN-31 stops at the first error, which is the function's own", async () => {
    const experiments = create();
    const error = new Error("mine");
    const seen: number[] = [];
    const running = experiments.runEach([1, 2, 3], { carrier: () => undefined }, (one) => {
      seen.push(one);
      if (one === 2) throw error;
    });
    await expect(running).rejects.toBe(error);
    expect(seen).toEqual([1, 2]);
  });

  test("RUN-32 takes what comes by and by", async () => {
    const experiments = create();
    async function* arriving() {
      for (const variant of ["express", "control"]) {
        await Promise.resolve();
        yield { headers: message(variant) };
      }
    }
    const seen: unknown[] = [];
    await experiments.runEach(arriving(), each, () => seen.push(experiments.variant("checkout")));
    expect(seen).toEqual(["express", "control"]);
  });

  test("RUN-33 says in strict mode that it was not told where the headers are, and elsewhere handles the messages", async () => {
    const strict = create();
    const none = {} as typeof each; // why: JavaScript can leave it out
    await expect(strict.runEach([{}], none, () => undefined)).rejects.toMatchObject({ code: "ERR_CARRIER" });
    const lenient = create({ strict: false });
    const seen: unknown[] = [];
    await lenient.runEach([1, 2], none as never, (one) => seen.push(one)); // why: as above
    const broken = {
      carrier: (): object => {
        throw new Error("no headers");
      },
    };
    await lenient.runEach([3], broken, (one) => seen.push(one));
    expect(seen).toEqual([1, 2, 3]);
  });
});
