import { EventEmitter } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { type Attributes, type Context, context, ROOT_CONTEXT, type Span, SpanKind, trace } from "@opentelemetry/api";
import { suppressTracing } from "@opentelemetry/core";
import { ExpressInstrumentation } from "@opentelemetry/instrumentation-express";
import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import {
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
  type SpanProcessor,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { createExperiments, ExperimentConfigError, type Experiments } from "otel-experiments";
import { ExperimentSpanProcessor, type ExperimentSpanProcessorOptions } from "otel-experiments/sdk";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { send } from "../../testing/wire/client.ts";
import { recordDiag } from "../support/diag.ts";
import { REGISTRY } from "../support/experiments.ts";
import { expressHarness } from "../support/frameworks/express.ts";
import { requireExpress, requireFastify } from "../support/frameworks/required.ts";
import { openRequest } from "../support/opened-request.ts";
import { experimentAttributes, isServerSpan, startTracing } from "../support/tracing.ts";

const EXPRESS = "baggage: experiment.checkout.variant=express";
const EXPRESS_PAIR: Attributes = { "experiment.id": "checkout_1", "experiment.variant": "express" };
const EXPRESS_KEYED: Attributes = {
  "experiment.checkout.id": "checkout_1",
  "experiment.checkout.variant": "express",
};
const SEMANTIC_KEYED: Attributes = { "experiment.search.id": "search_1", "experiment.search.variant": "semantic" };

const tracing = startTracing([new HttpInstrumentation(), new ExpressInstrumentation()], undefined, [
  new ExperimentSpanProcessor(),
]);
const diag = recordDiag();
const harness = expressHarness("Express", requireExpress());
const tracer = trace.getTracer("shop");

beforeEach(() => {
  tracing.clear();
  diag.take();
});

afterAll(() => tracing.stop());

type Handler = (experiments: Experiments<typeof REGISTRY>) => unknown;

/** Serves requests, one for each list of header lines, and gives the spans when all have ended. */
async function serve(
  requests: readonly (readonly string[])[],
  handler: (experiments: Experiments<typeof REGISTRY>, path: string) => unknown,
): Promise<readonly ReadableSpan[]> {
  const experiments = createExperiments({ experiments: REGISTRY, trustInbound: true, strict: false });
  const server = await harness.serve({
    mount: [experiments],
    async handler({ request, reply }) {
      await handler(experiments, request.url ?? "");
      reply(200, "ok");
    },
  });
  try {
    await Promise.all(requests.map((lines, i) => send(server.port, { path: `/${i}`, lines })));
    await tracing.serverSpans(requests.length);
  } finally {
    await server.close();
    await experiments.close();
  }
  return tracing.spans();
}

async function serveOne(lines: readonly string[], handler: Handler): Promise<ReadonlyMap<string, Attributes>> {
  const spans = await serve([lines], handler);
  return new Map(spans.map(({ name, attributes }) => [name, experimentAttributes(attributes)]));
}

/** A provider of its own, so that options can be tried beside the process's one. */
function provider(options: ExperimentSpanProcessorOptions, behind: readonly SpanProcessor[] = []) {
  const exporter = new InMemorySpanExporter();
  const processor: SpanProcessor = new ExperimentSpanProcessor(options);
  const made = new TracerProvider({
    spanProcessors: [processor, ...behind, new SimpleSpanProcessor({ exporter })],
  });
  return {
    tracer: made.getTracer("shop"),
    processor,
    shutdown: () => made.shutdown(),
    attributes: () => exporter.getFinishedSpans().map(({ attributes }) => experimentAttributes(attributes)),
  };
}

/** Runs a function in the scope of a request that came with members. */
function inRequest<T>(header: string, fn: () => T): T {
  const experiments = createExperiments({ experiments: REGISTRY, trustInbound: true });
  return openRequest(experiments, { header }).run(fn);
}

const BOTH = "experiment.checkout.variant=express,experiment.search.variant=semantic";

describe("the spans of a request", () => {
  test("SDP-01 have the flat pair of what came in: those of instrumentations and the application's own", async () => {
    const spans = await serve([[EXPRESS]], async () => {
      await tracer.startActiveSpan("outer", async (outer) => {
        await delay(1);
        tracer.startSpan("inner", { kind: SpanKind.PRODUCER }).end();
        outer.end();
      });
    });
    const names = spans.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(["inner", "outer", "middleware - <anonymous>"]));
    for (const span of spans.filter(({ name }) => ["inner", "outer"].includes(name))) {
      expect(experimentAttributes(span.attributes)).toEqual(EXPRESS_PAIR);
    }
    // Express's spans of what stands in front of the experiments had ended before there was a scope.
    const tagged = spans.filter(({ attributes }) => Object.keys(experimentAttributes(attributes)).length > 0);
    expect(tagged.length).toBeGreaterThanOrEqual(4);
  });

  test("SDP-02 leave the server span to the middleware, which keys it", async () => {
    const spans = await serve([[EXPRESS]], () => undefined);
    expect(spans.filter(isServerSpan).map(({ attributes }) => experimentAttributes(attributes))).toEqual([
      { ...EXPRESS_KEYED, ...EXPRESS_PAIR },
    ]);
  });

  test("SDP-03 that were started before an assignment and are still open have it; those that ended before have not", async () => {
    const spans = await serveOne([], (experiments) => {
      tracer.startSpan("over").end();
      const open = Array.from({ length: 300 }, (_, i) => tracer.startSpan(`open ${i}`));
      experiments.record("checkout", "express");
      for (const span of open) span.end();
    });
    expect(spans.get("over")).toEqual({});
    for (let i = 0; i < 300; i++) expect(spans.get(`open ${i}`)).toEqual(EXPRESS_PAIR);
  });

  test("SDP-08 that were started before our middleware, and are still open behind it, have it too", async () => {
    const around = expressHarness("Express", requireExpress(), (app) => {
      app.use((_request, response, next) => {
        const span = tracer.startSpan("around");
        response.on("finish", () => span.end());
        next();
      });
    });
    const experiments = createExperiments({ experiments: REGISTRY, trustInbound: true });
    const server = await around.serve({ mount: [experiments], handler: ({ reply }) => reply(200, "ok") });
    await send(server.port, { lines: [EXPRESS] });
    await tracing.serverSpans(1);
    await server.close();
    await experiments.close();
    expect(tracing.spans().find(({ name }) => name === "around")?.attributes).toEqual(EXPRESS_PAIR);
  });

  test("SDP-09 are no server spans that start within it: these are another request's", async () => {
    const spans = await serveOne([EXPRESS], () => {
      const server = tracer.startSpan("another's", { kind: SpanKind.SERVER });
      tracer.startSpan("below it", {}, trace.setSpan(ROOT_CONTEXT, server)).end();
      server.end();
    });
    expect([spans.get("another's"), spans.get("below it")]).toEqual([{}, {}]);
  });

  test("SDP-04 have none without an assignment, and none outside a request", async () => {
    const spans = await serveOne(["x-no: baggage"], () => tracer.startSpan("in").end());
    expect(spans.get("in")).toEqual({});
    tracer.startSpan("outside").end();
    expect(tracing.spans().at(-1)?.attributes).toEqual({});
  });

  test("SDP-05 keep what the user set: at start, later, and half a pair", async () => {
    const spans = await serveOne([EXPRESS], () => {
      tracer.startSpan("start", { attributes: { "experiment.id": "mine", "experiment.variant": "a" } }).end();
      tracer.startSpan("variant alone", { attributes: { "experiment.variant": "b" } }).end();
      tracer.startSpan("later").setAttribute("experiment.id", "mine").end();
    });
    expect(spans.get("start")).toEqual({ "experiment.id": "mine", "experiment.variant": "a" });
    expect(spans.get("variant alone")).toEqual({ "experiment.variant": "b" });
    expect(spans.get("later")).toEqual({ "experiment.id": "mine" });
  });

  test("SDP-06 lose no attribute of the user's to ours, where there is no room for both", async () => {
    const mine = Object.fromEntries(Array.from({ length: 128 }, (_, i) => [`mine.${i}`, i]));
    const spans = await serve([[EXPRESS]], () => {
      const full = tracer.startSpan("full");
      full.setAttributes(mine);
      full.end();
    });
    const span = spans.find(({ name }) => name === "full");
    expect(span?.attributes).toEqual(mine);
  });

  test("SDP-07 go on to have it after the response is over", async () => {
    const late = Promise.withResolvers<void>();
    await serve([[EXPRESS]], () => {
      setTimeout(() => {
        tracer.startSpan("late").end();
        late.resolve();
      }, 20);
    });
    await late.promise;
    expect(tracing.spans().find(({ name }) => name === "late")?.attributes).toEqual(EXPRESS_PAIR);
  });
});

describe("options", () => {
  test("SDP-10 keyed and both write each experiment, of every instance", () => {
    const [keyed, both] = [provider({ attributes: "keyed" }), provider({ attributes: "both" })];
    inRequest(`${BOTH},experiment.search.forced=1`, () => {
      keyed.tracer.startSpan("a").end();
      both.tracer.startSpan("a").end();
    });
    const all = { ...EXPRESS_KEYED, ...SEMANTIC_KEYED, "experiment.search.forced": true };
    expect(keyed.attributes()).toEqual([all]);
    expect(both.attributes()).toEqual([{ ...all, ...EXPRESS_PAIR }]);
  });

  test("SDP-11 experiments names those that are written, kinds the spans", () => {
    const some = provider({ attributes: "both", experiments: ["search"], kinds: [SpanKind.CLIENT] });
    const others = provider({ experiments: ["checkout"] });
    inRequest(BOTH, () => {
      some.tracer.startSpan("a", { kind: SpanKind.CLIENT }).end();
      some.tracer.startSpan("a").end();
      others.tracer.startSpan("a").end();
    });
    expect(some.attributes()).toEqual([SEMANTIC_KEYED, {}]);
    expect(others.attributes()).toEqual([EXPRESS_PAIR]);
  });

  test("SDP-12 an experiment that the user keyed stays the user's", () => {
    const keyed = provider({ attributes: "keyed" });
    inRequest(BOTH, () => {
      keyed.tracer.startSpan("a", { attributes: { "experiment.search.variant": "mine" } }).end();
    });
    expect(keyed.attributes()).toEqual([{ ...EXPRESS_KEYED, "experiment.search.variant": "mine" }]);
  });

  test("SDP-13 several instances: keyed of all, the flat pair of the latest that has one", () => {
    const both = provider({ attributes: "both" });
    const labs = createExperiments({
      experiments: { colour: { id: "colour_7", variants: ["blue", "red"] } },
      prefix: "labs.",
    });
    const none = createExperiments({ experiments: REGISTRY, strict: false });
    const shop = createExperiments({ experiments: REGISTRY, trustInbound: true });
    const one = {
      header: "experiment.checkout.variant=express",
      request: new EventEmitter(),
      response: new EventEmitter(),
    };
    const [outermost, , innermost] = [shop, labs, none].map((experiments) => openRequest(experiments, one));
    expect(outermost?.scope.attributes).toEqual(EXPRESS_PAIR);
    innermost?.run(() => {
      labs.record("colour", "red");
      both.tracer.startSpan("a").end();
    });
    expect(both.attributes()).toEqual([
      {
        ...EXPRESS_KEYED,
        "experiment.colour.id": "colour_7",
        "experiment.colour.variant": "red",
        "experiment.id": "colour_7",
        "experiment.variant": "red",
      },
    ]);
  });

  test("SDP-14 a wrong one throws at set-up and says the mend", () => {
    const wrong: readonly [unknown, string, RegExp][] = [
      ["flat", "ERR_OPTIONS", /write an object with experiments, attributes, kinds/],
      [{ kind: [1] }, "ERR_UNKNOWN_OPTION", /"kind".*did you mean kinds\?/],
      [{ kinds: [] }, "ERR_OPTION_VALUE", /kinds is empty; write a list of OpenTelemetry's SpanKind/],
      [{ kinds: ["CLIENT"] }, "ERR_OPTION_VALUE", /kinds holds "CLIENT"/],
      [{ kinds: SpanKind.CLIENT }, "ERR_OPTION_VALUE", /kinds is 2/],
      [{ experiments: ["Check out"] }, "ERR_OPTION_VALUE", /experiments holds "Check out"; write keys/],
      [{ experiments: "checkout" }, "ERR_OPTION_VALUE", /experiments is "checkout"/],
      [{ attributes: "all" }, "ERR_OPTION_VALUE", /attributes is "all"; write "flat", "keyed" or "both"/],
    ];
    for (const [options, code, message] of wrong) {
      const make = () => new ExperimentSpanProcessor(options as ExperimentSpanProcessorOptions); // why: wrong on purpose
      expect(make).toThrow(ExperimentConfigError);
      expect(make).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }));
    }
  });
});

describe("whose request a span is", () => {
  test("SDP-20 is said by a context that is given by name, though another request's code runs", async () => {
    const contexts = new Map<string, PromiseWithResolvers<Context>>(
      ["/0", "/1"].map((path) => [path, Promise.withResolvers<Context>()]),
    );
    // Both of one trace, whose id says nothing.
    const traced = `traceparent: 00-${"3".repeat(32)}-${"4".repeat(16)}-01`;
    const control = "baggage: experiment.checkout.variant=control";
    const requests = [
      [EXPRESS, traced],
      [control, traced],
    ];
    const spans = await serve(requests, async (_, path) => {
      contexts.get(path)?.resolve(context.active());
      const other = await (contexts.get(path === "/0" ? "/1" : "/0")?.promise ?? ROOT_CONTEXT);
      tracer.startSpan(`of the other, from ${path}`, {}, other).end();
      context.with(other, () => tracer.startSpan(`bound to the other, from ${path}`).end());
      const parent = tracer.startSpan(`parent of the other, from ${path}`, {}, other);
      tracer.startSpan(`child, from ${path}`, {}, trace.setSpan(ROOT_CONTEXT, parent)).end();
      parent.end();
      tracer.startSpan(`own, from ${path}`, { root: true }).end();
    });
    const variantOf = (name: string) => spans.find((span) => span.name === name)?.attributes["experiment.variant"];
    for (const name of ["of the other", "bound to the other", "parent of the other", "child"]) {
      expect([name, variantOf(`${name}, from /0`), variantOf(`${name}, from /1`)]).toEqual([
        name,
        "control",
        "express",
      ]);
    }
    expect([variantOf("own, from /0"), variantOf("own, from /1")]).toEqual(["express", "control"]);
  });

  test("SDP-21 is nobody's known in the context of a trace that is none of the request's", async () => {
    const spans = await serveOne([EXPRESS], () => {
      const remote = trace.setSpanContext(ROOT_CONTEXT, {
        traceId: "1".repeat(32),
        spanId: "2".repeat(16),
        traceFlags: 1,
        isRemote: true,
      });
      tracer.startSpan("of a message", { kind: SpanKind.CONSUMER }, remote).end();
    });
    expect(spans.get("of a message")).toEqual({});
  });

  test("SDP-22 is the request's own where OpenTelemetry's context is lost: in the events of the response", async () => {
    const over = Promise.withResolvers<void>();
    const experiments = createExperiments({ experiments: REGISTRY, trustInbound: true });
    const server = await harness.serve({
      mount: [experiments],
      handler({ response, reply }) {
        response.on("close", () => {
          tracer.startSpan("closed").end();
          over.resolve();
        });
        reply(200, "ok");
      },
    });
    await send(server.port, { lines: [EXPRESS] });
    await over.promise;
    await server.close();
    await experiments.close();
    expect(tracing.spans().find(({ name }) => name === "closed")?.attributes).toEqual(EXPRESS_PAIR);
  });

  test("SDP-23 is the injected one's within app.inject, though the server span around is another's", async () => {
    const { fastifyExperiments } = await import("otel-experiments/fastify");
    const experiments = createExperiments({ experiments: REGISTRY, strict: false });
    const app = requireFastify()();
    await app.register(fastifyExperiments, { experiments });
    app.get("/inner", async () => {
      experiments.record("checkout", "express");
      tracer.startSpan("inner").end();
      return "ok";
    });
    app.get("/outer", async () => {
      experiments.record("checkout", "control");
      await app.inject("/inner");
      tracer.startSpan("outer").end();
      return "ok";
    });
    await app.listen({ port: 0, host: "127.0.0.1" });
    const { port } = app.server.address() as { port: number }; // why: a server on a TCP port has an address of this form
    await send(port, { path: "/outer" });
    await app.close();
    await experiments.close();
    const variantOf = (name: string) =>
      tracing.spans().find((span) => span.name === name)?.attributes["experiment.variant"];
    expect([variantOf("inner"), variantOf("outer")]).toEqual(["express", "control"]);
  });

  test("SDP-24 is found through the context alone, where our own is lost", async () => {
    const kept: Context[] = [];
    const experiments = createExperiments({ experiments: REGISTRY, trustInbound: true });
    const server = await harness.serve({
      mount: [experiments],
      handler({ reply }) {
        kept.push(context.active());
        reply(200, "ok");
      },
    });
    await send(server.port, { lines: [EXPRESS] });
    await server.close();
    await experiments.close();
    tracer.startSpan("afterwards", {}, kept[0]).end();
    expect(tracing.spans().at(-1)?.attributes).toEqual(EXPRESS_PAIR);
  });
});

describe("what goes wrong", () => {
  test("SDP-30 nothing is written under suppressTracing", () => {
    const processor = new ExperimentSpanProcessor();
    const span = new ProbeSpan();
    inRequest(BOTH, () => {
      processor.onStart(span, suppressTracing(context.active()));
      processor.onEnding(span);
      processor.onEnd(span);
    });
    expect(span.attributes).toEqual({});
  });

  test("SDP-31 a span that throws throws to nobody", () => {
    const processor = new ExperimentSpanProcessor();
    inRequest(BOTH, () => {
      for (const refused of ["setAttribute", "attributes", "kind", "spanContext"] as const) {
        const span = new ProbeSpan(refused);
        processor.onStart(span, context.active());
        processor.onEnding(span);
        processor.onEnd(span);
      }
      const frozen = Object.freeze(new ProbeSpan());
      processor.onStart(frozen, context.active());
      processor.onEnding(frozen);
      processor.onEnd(frozen);
    });
    expect(diag.take().join()).toMatch(/a span/);
  });

  test("SDP-32 where onEnding is not passed on, the span has its attributes when it is over", async () => {
    const ours = new ExperimentSpanProcessor();
    const exporter = new InMemorySpanExporter();
    const wrapper: SpanProcessor = {
      onStart: (span, parent) => ours.onStart(span, parent),
      onEnd: (span) => ours.onEnd(span),
      forceFlush: () => ours.forceFlush(),
      shutdown: () => ours.shutdown(),
    };
    const made = new TracerProvider({ spanProcessors: [wrapper, new SimpleSpanProcessor({ exporter })] });
    inRequest(BOTH, () => made.getTracer("shop").startSpan("a").end());
    inRequest(BOTH, () =>
      made
        .getTracer("shop")
        .startSpan("b", { attributes: { "experiment.id": "mine" } })
        .end(),
    );
    expect(exporter.getFinishedSpans().map(({ attributes }) => attributes)).toEqual([
      EXPRESS_PAIR,
      { "experiment.id": "mine" },
    ]);
    expect(diag.take()).toEqual([]);
  });

  test("SDP-33 shut down while a request is under way, nothing throws and nothing is wrong", async () => {
    const { tracer: short, shutdown, attributes, processor } = provider({});
    await inRequest(BOTH, async () => {
      const before = short.startSpan("before");
      await shutdown();
      before.end();
      short.startSpan("after").end();
    });
    await processor.forceFlush();
    for (const written of attributes()) expect(written).toEqual(EXPRESS_PAIR);
  });
});

/** A span of no SDK, one of whose members throws. */
class ProbeSpan {
  readonly #attributes: Attributes = {};
  readonly #refused: string | undefined;

  constructor(refused?: string) {
    this.#refused = refused;
  }

  #refuse(name: string): void {
    if (this.#refused === name) throw new Error(`${name} throws`);
  }

  get kind(): SpanKind {
    this.#refuse("kind");
    return SpanKind.CLIENT;
  }

  get attributes(): Attributes {
    this.#refuse("attributes");
    return this.#attributes;
  }

  get instrumentationScope(): { readonly name: string } {
    return { name: this.#refused === "spanContext" ? "@opentelemetry/instrumentation-undici" : "probe" };
  }

  setAttribute(name: string, value: string | boolean): this {
    this.#refuse("setAttribute");
    this.#attributes[name] = value;
    return this;
  }

  spanContext(): ReturnType<Span["spanContext"]> {
    this.#refuse("spanContext");
    return { traceId: "1".repeat(32), spanId: "2".repeat(16), traceFlags: 1 };
  }
}
