import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import {
  type BaggageEntry,
  context,
  createContextKey,
  diag,
  type Meter,
  metrics,
  propagation,
  ROOT_CONTEXT,
} from "@opentelemetry/api";
import {
  ExportResultCode,
  loggingErrorHandler,
  RPCType,
  setGlobalErrorHandler,
  setRPCMetadata,
} from "@opentelemetry/core";
import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { SimpleSpanProcessor, type Span, type SpanExporter, type SpanProcessor } from "@opentelemetry/sdk-trace";
import type { NextFunction, Request, Response } from "express";
import { createExperiments, type Experiments, type ExperimentsOptions } from "otel-experiments";
import { fastifyExperiments } from "otel-experiments/fastify";
import { experimentFetch } from "otel-experiments/fetch";
import { nodeExperiments } from "otel-experiments/node";
import type { InboundExchange, InboundHarness } from "otel-experiments/testing";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { send, type WireRequest } from "../../testing/wire/client.ts";
import { startWireServer } from "../../testing/wire/server.ts";
import { REDESIGN } from "../support/experiments.ts";
import { type BeforeMount, expressHarness } from "../support/frameworks/express.ts";
import { fastifyHarness } from "../support/frameworks/fastify.ts";
import { fastifyOtel } from "../support/frameworks/fastify-otel.ts";
import { koaHarness } from "../support/frameworks/koa.ts";
import { nodeHarness } from "../support/frameworks/node.ts";
import { requireExpress, requireFastify, requireKoa } from "../support/frameworks/required.ts";
import { listen } from "../support/listening.ts";
import { startTracing } from "../support/tracing.ts";

const FAULT = "a fault of the telemetry";

function fail(): never {
  throw new Error(FAULT);
}

/** What a span processor of somebody else's may do. Each is off until a test turns it on. */
const faults = { setAttributes: false, setExperiments: false, onEnd: false, export: false };

class FaultyProcessor implements SpanProcessor {
  onStart(span: Span): void {
    const { setAttribute, setAttributes } = span;
    const check = (names: readonly string[]): void => {
      if (faults.setAttributes) fail();
      if (faults.setExperiments && names.some((name) => name.startsWith("experiment."))) fail();
    };
    span.setAttribute = (name, value) => {
      check([name]);
      return setAttribute.call(span, name, value);
    };
    span.setAttributes = (attributes) => {
      check(Object.keys(attributes));
      return setAttributes.call(span, attributes);
    };
  }

  onEnd(): void {
    if (faults.onEnd) fail();
  }

  async forceFlush(): Promise<void> {}

  async shutdown(): Promise<void> {}
}

let exported = 0;

const faultyExporter: SpanExporter = {
  export(_spans, done) {
    exported++;
    if (faults.export) fail();
    done({ code: ExportResultCode.FAILED, error: new Error(FAULT) });
  },
  shutdown: async () => undefined,
};

const tracing = startTracing([new HttpInstrumentation()], undefined, [
  new FaultyProcessor(),
  new SimpleSpanProcessor({ exporter: faultyExporter }),
]);

afterAll(() => tracing.stop());

const express = requireExpress();

const instrumented = fastifyHarness("Fastify with @fastify/otel", requireFastify(), { before: fastifyOtel });

const harnesses: readonly InboundHarness[] = [
  nodeHarness,
  expressHarness("Express", express),
  koaHarness("Koa", requireKoa()),
  fastifyHarness("Fastify", requireFastify()),
  instrumented,
];

const REQUESTS: readonly WireRequest[] = [
  { path: "/plain" },
  { path: "/trusted", lines: ["baggage: experiment.checkout.variant=express,user=1"] },
  { path: "/bad", lines: ["baggage: experiment.checkout.variant=%ZZ,experiment%2Ea.variant=b,experiment.b.id=c"] },
  { method: "POST", path: "/body", lines: ["content-type: application/json"], body: '{"a":1}' },
  { path: "/fails", lines: ["baggage: experiment.checkout.variant=express"] },
];

/** What requests are answered, and what was thrown outside of them meanwhile. */
interface Outcome {
  readonly answers: readonly { readonly status: number; readonly lines: readonly string[]; readonly body: string }[];
  readonly uncaught: readonly string[];
}

/** Serves with our middleware and a handler that makes use of it, or without any of ours. */
async function outcomeOf(harness: InboundHarness, experiments?: Experiments): Promise<Outcome> {
  const use = experiments === undefined ? () => {} : useOf(experiments);
  const handler = async ({ request, response, body, reply }: InboundExchange): Promise<void> => {
    use(request);
    response.setHeader("x-kept", "as it is");
    await new Promise((resolve) => setImmediate(resolve));
    use(request);
    if (request.url === "/fails") throw new Error("the user's own");
    reply(200, JSON.stringify(body) ?? "no body");
  };
  const mount = experiments === undefined ? [] : [experiments];
  const server = await harness.serve({ mount, prepare: "json", handler });
  const answers: Outcome["answers"][number][] = [];
  const { uncaught } = await catchingUncaught(async () => {
    for (const request of REQUESTS) {
      const { status, lines, body } = await send(server.port, request);
      answers.push({ status, lines: lines.filter((line) => !/^date:/i.test(line)), body });
    }
    await server.close();
  });
  return { answers, uncaught };
}

/** Calls everything of ours that a handler may call. */
function useOf(experiments: Experiments): (request: object) => void {
  const meter = experiments.meter("shop");
  const observable = meter.createObservableGauge("shop.queue");
  // The instrument itself is the MeterProvider's own.
  meter.addBatchObservableCallback((result) => result.observe(observable, 1), [observable]);
  return (request) => {
    experiments.record("search", "semantic");
    experiments.variant("checkout");
    meter.createCounter("shop.orders").add(1, { kind: "card" });
    meter.createHistogram("shop.duration", { unit: "s" }).record(0.1);
    experiments.of(request).record("pricing", "high");
  };
}

/** Notes what nobody catches, in place of vitest, which would fail the run. */
async function catchingUncaught(work: () => Promise<void>): Promise<Pick<Outcome, "uncaught">> {
  const uncaught: string[] = [];
  const events = ["uncaughtException", "unhandledRejection"] as const;
  const standing = events.map((event) => [event, process.listeners(event as "uncaughtException")] as const); // why: both lists are given back as they are
  const note = (error: unknown): void => void uncaught.push(String(error));
  for (const event of events) process.removeAllListeners(event).on(event, note);
  try {
    await work();
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  } finally {
    for (const [event, listeners] of standing) {
      process.removeAllListeners(event);
      for (const listener of listeners) process.on(event, listener);
    }
  }
  return { uncaught };
}

/** Experiments whose users ask for what the registry does not have. */
function careless(options: Partial<ExperimentsOptions<typeof REDESIGN>>): Experiments {
  const experiments = createExperiments({ experiments: REDESIGN, trustInbound: true, strict: false, ...options });
  // why: the compiler would not let them
  const untyped = experiments as unknown as Experiments;
  closing.push(untyped);
  return untyped;
}

function statusesOf({ answers }: Outcome): readonly number[] {
  return answers.map(({ status }) => status);
}

/** The outcome with our middleware must be the one without it. */
async function expectNoDifference(
  harness: InboundHarness,
  options: Partial<ExperimentsOptions<typeof REDESIGN>> = {},
): Promise<Outcome> {
  const plain = await outcomeOf(harness);
  const served = await outcomeOf(harness, careless(options));
  expect(plain.answers).toHaveLength(REQUESTS.length);
  expect(served).toEqual(plain);
  return served;
}

const closing: Experiments[] = [];

afterEach(async () => {
  for (const experiments of closing.splice(0)) await experiments.close();
  Object.assign(faults, { setAttributes: false, setExperiments: false, onEnd: false, export: false });
  metrics.disable();
  diag.disable();
});

describe.each(harnesses)("a fault changes no response on $name:", (harness) => {
  test("RB-01 none at all, which is what the others are compared with", async () => {
    const { uncaught, answers } = await expectNoDifference(harness);
    expect(uncaught).toEqual([]);
    expect(statusesOf({ uncaught, answers })).toEqual([200, 200, 200, 200, 500]);
  });

  test("RB-02 a span that refuses our attributes", async () => {
    faults.setExperiments = true;
    const { uncaught } = await expectNoDifference(harness);
    expect(uncaught).toEqual([]);
  });

  test("RB-03 a span that refuses all attributes, also its instrumentation's", async () => {
    faults.setAttributes = true;
    const { uncaught } = await expectNoDifference(harness);
    expect(new Set(uncaught)).toEqual(new Set([`Error: ${FAULT}`]));
  });

  test("RB-04 a span processor that throws when a span ends", async () => {
    faults.onEnd = true;
    const plain = await outcomeOf(harness);
    const served = await outcomeOf(harness, careless({}));
    // @fastify/otel ends spans around all hooks, and so fails every response; ours are among the hooks.
    const compared = harness === instrumented ? statusesOf : (outcome: Outcome): unknown => outcome;
    expect(compared(served)).toEqual(compared(plain));
    expect(new Set(served.uncaught)).toEqual(new Set([`Error: ${FAULT}`]));
  });

  test("RB-16 an exporter that throws, or only fails", async () => {
    setGlobalErrorHandler(() => {});
    const before = exported;
    await expectNoDifference(harness);
    faults.export = true;
    await expectNoDifference(harness);
    setGlobalErrorHandler(loggingErrorHandler());
    expect(exported).toBeGreaterThan(before);
  });

  test("RB-17 a predicate of propagateTo that throws, which means no", async () => {
    const downstream = await startWireServer(() => ({ body: "downstream" }));
    const experiments = createExperiments({ experiments: REDESIGN, trustInbound: true, propagateTo: [fail] });
    const fetchOn = experimentFetch(experiments);
    const server = await harness.serve({
      mount: [experiments],
      handler: async ({ reply }) => reply(200, await (await fetchOn(downstream.origin)).text()),
    });
    const { status, body } = await send(server.port, { lines: ["baggage: experiment.checkout.variant=express"] });
    await server.close();
    await experiments.close();
    await downstream.close();
    expect([status, body]).toEqual([200, "downstream"]);
    expect(downstream.baggage().flat().join()).not.toContain("experiment.");
  });

  test.each([
    ["a MeterProvider that throws", { getMeter: fail }],
    ["a MeterProvider that gives nothing", { getMeter: () => undefined }],
    ["a meter that throws", { getMeter: () => new Proxy({}, { get: fail }) }],
    ["a meter whose instruments throw", { getMeter: () => throwingMeter() }],
  ])("RB-05 %s", async (_name, provider) => {
    // why: a MeterProvider that breaks its contract is what this is about
    metrics.setGlobalMeterProvider(provider as unknown as { getMeter(): Meter });
    const { uncaught } = await expectNoDifference(harness);
    expect(uncaught).toEqual([]);
  });

  test("RB-06 a diag logger that throws, while there is something to say", async () => {
    diag.setLogger({ error: fail, warn: fail, info: () => {}, debug: () => {}, verbose: () => {} });
    faults.setExperiments = true;
    const { uncaught } = await expectNoDifference(harness, { trustInbound: fail });
    expect(uncaught).toEqual([]);
  });

  test.each([
    ["throws", fail],
    ["gives a promise", async () => true],
    // Nobody else handles it, and Node ends the process for a rejection that nobody handles.
    ["gives a promise that rejects", () => Promise.reject(new Error(FAULT))],
    ["gives what is no boolean", () => "yes"],
    ["gives nothing", () => undefined],
  ])("RB-07 a predicate of trustInbound that %s, which means no", async (_name, predicate) => {
    // why: a predicate that breaks its type is what this is about
    const trustInbound = predicate as unknown as () => boolean;
    const { uncaught } = await expectNoDifference(harness, { trustInbound });
    expect(uncaught).toEqual([]);
    expect(await variantsWith(harness, { trustInbound })).toEqual([]);
  });

  test("RB-08 a predicate of trustInbound, which is asked once, about the header as it came and the socket's peer", async () => {
    const callers: unknown[] = [];
    const trustInbound: ExperimentsOptions["trustInbound"] = ({ header, peer }) => {
      callers.push([peer, header("baggage"), header("host"), header("x-none")]);
      return true;
    };
    expect(await variantsWith(harness, { trustInbound })).toEqual(["express"]);
    expect(callers).toEqual([["127.0.0.1", "experiment.checkout.variant=express", "127.0.0.1", undefined]]);
  });
});

async function variantsWith(
  harness: InboundHarness,
  options: Partial<ExperimentsOptions<typeof REDESIGN>>,
): Promise<readonly string[]> {
  const experiments = createExperiments({ experiments: REDESIGN, strict: false, ...options });
  const variants: string[] = [];
  const server = await harness.serve({
    mount: [experiments],
    handler({ reply }) {
      variants.push(...experiments.current().assignments.map(({ variant }) => variant));
      reply(200, "ok");
    },
  });
  await send(server.port, { lines: ["baggage: experiment.checkout.variant=express"] });
  await server.close();
  await experiments.close();
  return variants;
}

function throwingMeter(): Meter {
  const instrument = { add: fail, record: fail, addCallback: fail, removeCallback: fail };
  // why: only the methods that ours call, each of which throws when it is used
  return new Proxy({}, { get: () => () => instrument }) as Meter;
}

/** Serves Express behind a middleware of somebody else's that changes OpenTelemetry's context. */
function behind(change: () => ReturnType<typeof context.active>): InboundHarness {
  const beforeMount: BeforeMount = (app) => {
    app.use((_request: Request, _response: Response, next: NextFunction) => context.with(change(), next));
  };
  return expressHarness("Express", express, beforeMount);
}

/** A span as the RPC metadata of a foreign instrumentation may hold it. */
function rpcContext(metadata: object): ReturnType<typeof context.active> {
  // why: metadata that breaks its contract is what this is about
  return setRPCMetadata(ROOT_CONTEXT, { type: RPCType.HTTP, ...metadata } as Parameters<typeof setRPCMetadata>[1]);
}

describe("what stands in OpenTelemetry's context changes no response:", () => {
  const spans: readonly [string, () => unknown][] = [
    ["none", () => undefined],
    ["null", () => null],
    ["no object", () => 7],
    ["an empty object", () => ({})],
    ["frozen", () => Object.freeze({ setAttributes: () => undefined })],
    ["without a prototype, and sealed", () => Object.seal(Object.assign(Object.create(null), { setAttributes: fail }))],
    ["a proxy that throws", () => new Proxy({}, { get: fail, set: fail, has: fail })],
  ];

  test.each(spans)("RB-10 RPC metadata whose span is %s", async (_name, make) => {
    const { uncaught } = await expectNoDifference(behind(() => rpcContext({ span: make() })));
    expect(uncaught).toEqual([]);
  });

  test("RB-11 RPC metadata that throw when they are asked for the span", async () => {
    const metadata = Object.defineProperty({ type: RPCType.HTTP }, "span", { get: fail });
    const key = createContextKey("OpenTelemetry SDK Context Key RPC_METADATA");
    const { uncaught } = await expectNoDifference(behind(() => ROOT_CONTEXT.setValue(key, metadata)));
    expect(uncaught).toEqual([]);
  });

  const baggages: readonly [string, () => unknown][] = [
    ["no object", () => "experiment.checkout.variant=express"],
    ["a proxy that throws", () => new Proxy({}, { get: fail })],
    ["with keys that are no text", () => ({ getAllEntries: () => [[7, { value: "x" }], [], null] })],
    ["that cannot be changed", () => throwingBaggage([["experiment.checkout.variant", { value: "express" }]])],
  ];

  test.each(baggages)("RB-12 baggage that is %s", async (_name, make) => {
    const change = (): ReturnType<typeof context.active> =>
      // why: baggage that breaks its contract is what this is about
      propagation.setBaggage(context.active(), make() as Parameters<typeof propagation.setBaggage>[1]);
    const { uncaught } = await expectNoDifference(behind(change));
    expect(uncaught).toEqual([]);
  });
});

function throwingBaggage(entries: readonly [string, BaggageEntry][]): object {
  return { getAllEntries: () => entries, removeEntries: fail, removeEntry: fail, setEntry: fail };
}

test("RB-13 a propagator that throws is not asked by us", async () => {
  const experiments = createExperiments({ experiments: REDESIGN, trustInbound: true });
  const app = requireFastify()();
  await app.register(fastifyExperiments, { experiments });
  app.get("/", () => experiments.variant("checkout"));
  propagation.disable();
  propagation.setGlobalPropagator({ inject: fail, extract: fail, fields: fail });
  // instrumentation-http asks it for what comes over a socket, and no response follows, with us or without.
  const { statusCode, body } = await app.inject({
    url: "/",
    headers: { baggage: "experiment.checkout.variant=express" },
  });
  propagation.disable();
  await app.close();
  await experiments.close();
  expect([statusCode, body]).toEqual([200, "express"]);
});

// Outside of a request, the server span of OpenTelemetry's context is the last place where a scope is looked for.
test.each([
  ["none", null],
  ["one that throws", new Proxy({}, { get: fail })],
])("RB-14 asking outside of a request throws nothing where RPC metadata have %s for a span", (_name, span) => {
  const experiments = careless({});
  context.with(rpcContext({ span }), () => {
    expect(() => experiments.record("checkout", "express")).not.toThrow();
    expect(experiments.variant("checkout")).toBeUndefined();
  });
});

// The end of a scope hangs on the event that users listen to as well. A span that outlives its request must take nothing.
test("RB-15 a scope ends with its response although a listener of close throws", async () => {
  const experiments = careless({});
  const written: string[] = [];
  const span = {
    isRecording: () => true,
    setAttributes: (attributes: object) => void written.push(...Object.keys(attributes)),
  };
  const ended = Promise.withResolvers<void>();
  const listener = nodeExperiments(experiments, (request: IncomingMessage, response: ServerResponse) => {
    experiments.record("search", "semantic");
    response.on("close", () => {
      written.splice(0);
      setImmediate(() => {
        experiments.of(request).record("checkout", "express");
        ended.resolve();
      });
      throw new Error("a listener's own");
    });
    response.end("ok");
  });
  const server = createServer((request, response) => {
    context.with(rpcContext({ span }), () => listener(request, response));
  });
  const { uncaught } = await catchingUncaught(async () => {
    const { port, close } = await listen(server);
    await send(port);
    await ended.promise;
    await close();
  });
  expect(uncaught).toEqual(["Error: a listener's own"]);
  expect(written).toEqual([]);
});
