import { AsyncResource } from "node:async_hooks";
import { once } from "node:events";
import http, { type IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { context, metrics, ROOT_CONTEXT, SpanKind, trace } from "@opentelemetry/api";
import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import type { Experiments, Registry } from "otel-experiments";
import { nodeExperiments } from "otel-experiments/node";
import { ExperimentPropagator, ExperimentSpanProcessor } from "otel-experiments/sdk";
import type { InboundExchange } from "otel-experiments/testing";
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { send, WireConnection } from "../../../testing/wire/client.ts";
import { createOpen } from "../../support/experiments.ts";
import { newestHarnesses } from "../../support/frameworks/all.ts";
import { requireFastify } from "../../support/frameworks/required.ts";
import { listen } from "../../support/listening.ts";
import { openRequest } from "../../support/opened-request.ts";
import { startTracing } from "../../support/tracing.ts";
import { calls, clients, openBench } from "./ways.ts";

const LATE_WORK_MS = 30_000;
const CONTROL = "baggage: experiment.checkout.variant=control";

const tracing = startTracing([new HttpInstrumentation()], undefined, [new ExperimentSpanProcessor()]);
const harnesses = newestHarnesses();

beforeEach(() => vi.useFakeTimers({ toFake: ["performance"] }));

afterEach(() => vi.useRealTimers());

afterAll(async () => {
  metrics.disable();
  await tracing.stop();
});

/** Lets time pass for the clock alone; no timer waits for it. */
const pass = (milliseconds: number): void => void vi.advanceTimersByTime(milliseconds);

/** The turns of the event loop in which a server notices that a connection is over. */
const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
};

type Poll = <T>(fn: () => T) => T;

/** What a poller is that the running code starts: it goes on in the code's async context for ever. */
const startPoller = (): Poll => {
  const poller = new AsyncResource("Poller");
  return (fn) => poller.runInAsyncScope(fn);
};

const variants: readonly string[] = Array.from({ length: 100 }, (_, index) => `v${index}`);
const registry: Registry = { checkout: { id: "checkout_1", variants, assigner: () => "v1" } };

describe.each([...harnesses])("a poller that a request of $name started first", (harness) => {
  test("END-01 has the visitor's variant for 30 s after the response, and never again", async () => {
    const bench = await openBench(registry);
    const pollers: Poll[] = [];
    const server = await harness.serve({
      mount: [bench.experiments, bench.other],
      handler({ reply }) {
        pollers.push(startPoller());
        reply(200, "ok");
      },
    });
    await send(server.port, { lines: ["baggage: experiment.checkout.variant=v0"] });
    await turns();
    const seen: Record<string, unknown> = {};
    const poll = async (moment: string): Promise<void> => {
      for (const [index, way] of [...calls, ...clients].entries()) {
        const use = way.make(bench);
        const result = await pollers[0]?.(() => use(moment === "late" ? index : 50 + index));
        seen[`${way.name}, ${moment}`] = typeof result === "function" ? await result() : result;
      }
    };
    pass(LATE_WORK_MS);
    await poll("late");
    pass(1);
    await poll("over");
    await server.close();
    await bench.close();
    const had = (moment: string): readonly string[] =>
      [...calls, ...clients]
        .map(({ name }) => name)
        .filter((name) => String(seen[`${name}, ${moment}`]).includes("v0"));
    expect(had("late")).toEqual([...calls, ...clients].map(({ name }) => name));
    expect(had("over")).toEqual([]);
  });

  test("END-02 has it as long as the response is being sent", async () => {
    const experiments = createOpen({ trustInbound: true });
    const started = Promise.withResolvers<{ poll: Poll; exchange: InboundExchange }>();
    const server = await harness.serve({
      mount: [experiments],
      handler(exchange) {
        started.resolve({ poll: startPoller(), exchange });
        return new Promise<void>((resolve) => exchange.response.once("close", resolve));
      },
    });
    const connection = await WireConnection.open(server.port);
    connection.write(`GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n${CONTROL}\r\n\r\n`);
    const { poll, exchange } = await started.promise;
    const ask = (): unknown => poll(() => experiments.variant("checkout"));
    pass(3_600_000);
    expect(ask()).toBe("control");
    connection.close();
    await once(exchange.response, "close");
    pass(LATE_WORK_MS);
    expect(ask()).toBe("control");
    pass(1);
    expect(ask()).toBeUndefined();
    await server.close();
  });

  test("END-03 never has it, if it is started as a job of its own", async () => {
    const experiments = createOpen({ trustInbound: true, strict: false });
    const pollers: Poll[] = [];
    const server = await harness.serve({
      mount: [experiments],
      handler({ reply }) {
        experiments.run({}, () => void pollers.push(startPoller()));
        reply(200, "ok");
      },
    });
    await send(server.port, { lines: [CONTROL] });
    const ask = (): unknown => pollers[0]?.(() => experiments.variant("checkout"));
    expect(ask()).toBeUndefined();
    pass(LATE_WORK_MS + 1);
    expect(ask()).toBeUndefined();
    await server.close();
  });
});

/** A connection that the application took over from its response. */
const takenOver: readonly {
  readonly name: string;
  readonly head: string;
  serve(experiments: Experiments, opened: (socket: Socket) => void): http.Server;
}[] = [
  {
    name: "upgraded, and given to an app with a response that nobody sends",
    head: "GET / HTTP/1.1\r\nconnection: upgrade\r\nupgrade: websocket",
    serve(experiments, opened) {
      const app = nodeExperiments(experiments, ({ socket }: IncomingMessage) => opened(socket));
      return http.createServer().on("upgrade", (request) => app(request, new ServerResponse(request)));
    },
  },
  {
    name: "a tunnel",
    head: "CONNECT shop.internal:443 HTTP/1.1",
    serve(experiments, opened) {
      const app = nodeExperiments(experiments, ({ socket }: IncomingMessage) => opened(socket));
      return http.createServer().on("connect", (request) => app(request, new ServerResponse(request)));
    },
  },
  {
    name: "hijacked, and answered over its socket",
    head: "GET / HTTP/1.1",
    serve(experiments, opened) {
      return http.createServer(
        nodeExperiments(experiments, ({ socket }) => {
          socket.write("HTTP/1.1 200 OK\r\n\r\n");
          opened(socket);
        }),
      );
    },
  },
];

test.each(takenOver)("END-04 a connection that is $name is over when it closes", async ({ head, serve }) => {
  const experiments = createOpen({ trustInbound: true, strict: false });
  const started = Promise.withResolvers<{ poll: Poll; socket: Socket }>();
  const server = await listen(serve(experiments, (socket) => started.resolve({ poll: startPoller(), socket })));
  const connection = await WireConnection.open(server.port);
  connection.write(`${head}\r\nhost: 127.0.0.1\r\n${CONTROL}\r\n\r\n`);
  const { poll, socket } = await started.promise;
  const ask = (): unknown => poll(() => experiments.variant("checkout"));
  pass(3_600_000);
  expect(ask()).toBe("control");
  socket.destroy();
  await once(socket, "close");
  await turns();
  connection.close();
  pass(LATE_WORK_MS + 1);
  expect(ask()).toBeUndefined();
  await server.close();
});

test("END-05 a reply that Fastify has given away is over with its response", async () => {
  const { fastifyExperiments } = await import("otel-experiments/fastify");
  const experiments = createOpen({ trustInbound: true });
  const app = requireFastify()();
  const pollers: Poll[] = [];
  await app.register(fastifyExperiments, { experiments });
  app.get("/", (_request, reply) => {
    pollers.push(startPoller());
    reply.hijack();
    reply.raw.end("hijacked");
  });
  const port = Number(new URL(await app.listen({ port: 0, host: "127.0.0.1" })).port);
  await send(port, { lines: [CONTROL] });
  await turns();
  const ask = (): unknown => pollers[0]?.(() => experiments.variant("checkout"));
  expect(ask()).toBe("control");
  pass(LATE_WORK_MS + 1);
  expect(ask()).toBeUndefined();
  await app.close();
});

describe("a poller that a message or a job started first", () => {
  const message = { baggage: "experiment.checkout.variant=control" };

  const jobs: readonly (readonly [
    name: string,
    run: (experiments: Experiments, fn: () => Promise<void>) => unknown,
  ])[] = [
    ["run", (experiments, fn) => experiments.run(message, fn, { trusted: true })],
    ["runEach", (experiments, fn) => experiments.runEach([message], { carrier: (one) => one, trusted: true }, fn)],
  ];

  test.each(jobs)("END-06 has the variant until 30 s after the promise of %s has settled", async (_name, run) => {
    const experiments = createOpen();
    const pollers: Poll[] = [];
    const settling = Promise.withResolvers<void>();
    const done = run(experiments, () => {
      pollers.push(startPoller());
      return settling.promise;
    });
    const ask = (): unknown => pollers[0]?.(() => experiments.variant("checkout"));
    await turns();
    pass(3_600_000);
    expect(ask()).toBe("control");
    settling.resolve();
    await done;
    await turns();
    pass(LATE_WORK_MS);
    expect(ask()).toBe("control");
    pass(1);
    expect(ask()).toBeUndefined();
  });
});

test("END-08 a call that an instrumentation handles is over 30 s after its span has ended", () => {
  const experiments = createOpen({ trustInbound: true });
  const carrier = { baggage: "experiment.checkout.variant=control" };
  const extracted = new ExperimentPropagator().extract(ROOT_CONTEXT, carrier, {
    get: (from: Record<string, string>, name) => from[name],
    keys: Object.keys,
  });
  const span = trace.getTracer("grpc").startSpan("call", { kind: SpanKind.SERVER }, extracted);
  const poll = context.with(trace.setSpan(extracted, span), startPoller);
  const ask = (): unknown => poll(() => experiments.variant("checkout"));
  pass(3_600_000);
  expect(ask()).toBe("control");
  span.end();
  pass(LATE_WORK_MS);
  expect(ask()).toBe("control");
  pass(1);
  expect(ask()).toBeUndefined();
});

test("END-09 spans that begin in a request have its variant when they end, and none after the request is over", () => {
  const experiments = createOpen({ trustInbound: true });
  const { run, close } = openRequest(experiments, { header: "experiment.checkout.variant=control" });
  const tracer = trace.getTracer("shop");
  const [poll, early] = run(() => [startPoller(), tracer.startSpan("early")] as const);
  close();
  pass(LATE_WORK_MS + 1);
  const late = poll(() => tracer.startSpan("late"));
  tracing.clear();
  for (const span of [early, late]) span.end();
  const seen = tracing.spans().map(({ name, attributes }) => [name, attributes["experiment.variant"]]);
  expect(seen).toEqual([
    ["early", "control"],
    ["late", undefined],
  ]);
});

test("END-07 a poller keeps no request and no response in memory", async () => {
  setFlagsFromString("--expose-gc");
  // why: the flag puts this function into new contexts
  const collect = runInNewContext("gc") as () => void;
  const experiments = createOpen({ trustInbound: true });
  const pollers: Poll[] = [];
  const held: WeakRef<object>[] = [];
  const options = { serverSpan: "create" } as const;
  const handler = (request: IncomingMessage, response: ServerResponse): void => {
    held.push(new WeakRef(request), new WeakRef(response));
    pollers.push(startPoller());
    response.end("ok");
  };
  const server = await listen(http.createServer(nodeExperiments(experiments, handler, options)));
  await send(server.port, { lines: [CONTROL] });
  await server.close();
  await vi.waitFor(() => {
    collect();
    expect(held.map((one) => one.deref() === undefined)).toEqual([true, true]);
  });
  expect(pollers[0]?.(() => experiments.variant("checkout"))).toBe("control");
});
