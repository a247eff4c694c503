import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import {
  connect,
  createServer as createHttp2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from "node:http2";
import {
  context,
  createContextKey,
  metrics,
  propagation,
  SpanKind,
  type TextMapPropagator,
  trace,
} from "@opentelemetry/api";
import { suppressTracing } from "@opentelemetry/core";
import { MeterProvider } from "@opentelemetry/sdk-metrics";
import type { SpanProcessor } from "@opentelemetry/sdk-trace";
import express from "express";
import Koa from "koa";
import { createExperiments, ExperimentConfigError, type Experiments } from "otel-experiments";
import { fromNodeRequest, type InboundOptions, type InboundRequest, inbound } from "otel-experiments/adapter";
import { expressExperiments } from "otel-experiments/express";
import { koaExperiments } from "otel-experiments/koa";
import { nodeExperiments } from "otel-experiments/node";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { send } from "../../../../testing/wire/client.ts";
import { recordDiag } from "../../../support/diag.ts";
import { expressHarness } from "../../../support/frameworks/express.ts";
import { listen, startListening } from "../../../support/listening.ts";
import { PointReader, startPoints } from "../../../support/points.ts";
import { startTracing } from "../../../support/tracing.ts";

/** A processor that fails where a test says so. */
class FailingProcessor implements SpanProcessor {
  failsAt: "start" | "end" | undefined;

  onStart(): void {
    if (this.failsAt === "start") throw new Error("no span starts today");
  }

  onEnd(): void {
    if (this.failsAt === "end") throw new Error("no span ends today");
  }

  async forceFlush(): Promise<void> {}

  async shutdown(): Promise<void> {}
}

const failing = new FailingProcessor();
const tracing = startTracing([], undefined, [failing]);
const diagnostics = recordDiag();
const create = { serverSpan: "create" } as const;
const VARIANT = "baggage: experiment.checkout.variant=express";
let reader: PointReader;
let experiments: Experiments;

beforeEach(() => {
  tracing.clear();
  diagnostics.take();
  failing.failsAt = undefined;
  reader = startPoints();
  experiments = createExperiments({ trustInbound: true });
  return () => experiments.close();
});
afterAll(async () => {
  metrics.disable();
  await tracing.stop();
});

/** Serves one request by a handler of node:http. */
async function answerOf(
  handler: Parameters<typeof nodeExperiments>[1],
  options: InboundOptions<object> = create,
): Promise<string> {
  const server = await listen(createServer(nodeExperiments(experiments, handler, options)));
  try {
    return (await send(server.port, { lines: [VARIANT] })).body;
  } finally {
    await server.close();
  }
}

async function counts(): Promise<readonly number[]> {
  return (await reader.points("http.server.request.duration")).map(({ count }) => count);
}

describe("a created server span where something fails", () => {
  test.each(["start", "end"] as const)(
    "CSE-01 a span processor that throws at the %s of a span costs the span alone",
    async (place) => {
      failing.failsAt = place;
      const body = await answerOf((_request, response) => response.end(experiments.variant("checkout")));
      expect(body).toBe("express");
      failing.failsAt = undefined;
      expect(await counts()).toEqual([1]);
    },
  );

  test("CSE-02 a propagator that throws costs the parent alone", async () => {
    const working: unknown = Reflect.apply(Reflect.get(propagation, "_getGlobalPropagator"), propagation, []);
    const throwing: TextMapPropagator = {
      inject: () => undefined,
      extract() {
        throw new Error("no header is read today");
      },
      fields: () => [],
    };
    propagation.disable();
    propagation.setGlobalPropagator(throwing);
    const body = await answerOf((_request, response) => response.end(experiments.variant("checkout")));
    propagation.disable();
    propagation.setGlobalPropagator(working as TextMapPropagator); // why: it was the global one before
    expect(body).toBe("express");
    expect((await tracing.serverSpans(1)).map(({ attributes }) => attributes["experiment.variant"])).toEqual([
      "express",
    ]);
    expect(await counts()).toEqual([1]);
  });

  test("CSE-03 a request that cannot be changed is served without a span, since nobody would end it", async () => {
    const request = Object.freeze({ method: "GET", url: "/", emit: () => false });
    const header = (name: string) => (name === "baggage" ? "experiment.checkout.variant=express" : undefined);
    const { run, end } = inbound(
      experiments,
      create,
    )({
      header,
      peer: undefined,
      request,
      response: { emit: () => false },
    });
    expect(run(() => experiments.variant("checkout"))).toBe("express");
    end({ status: 200 });
    expect(tracing.spans()).toEqual([]);
    expect(diagnostics.take()).toEqual([
      "warn: otel-experiments: a request that cannot be changed gets no server span, since its end would not be seen",
    ]);
  });

  test("CSE-14 an error that throws when it is looked at ends the request as any other", async () => {
    const hostile = Object.defineProperty(new Error("no"), "code", {
      get() {
        throw new Error("nobody looks at this");
      },
    });
    const reached: unknown[] = [];
    const uncaught = (error: unknown): unknown => reached.push(error);
    process.on("uncaughtException", uncaught);
    const answer = answerOf((_request, response) => {
      response.on("error", () => undefined);
      response.destroy(hostile);
    });
    await expect(answer).rejects.toThrow("the server closed the connection");
    const [span] = await tracing.serverSpans(1);
    process.off("uncaughtException", uncaught);
    expect(reached).toEqual([]);
    expect(span?.attributes).toMatchObject({ "error.type": "Error" });
    expect(await counts()).toEqual([1]);
  });

  test("CSE-04 a MeterProvider that is shut down while a request is served costs the measurement alone", async () => {
    const provider = new MeterProvider({ readers: [(reader = new PointReader())] });
    metrics.disable();
    metrics.setGlobalMeterProvider(provider);
    const body = await answerOf(async (_request, response) => {
      await provider.shutdown();
      response.end("ok");
    });
    expect(body).toBe("ok");
    expect(await tracing.serverSpans(1)).toHaveLength(1);
  });
});

describe("the context of a created server span", () => {
  test("CSE-05 is not that of the span in which the server was started", async () => {
    await trace.getTracer("boot").startActiveSpan("boot", async (boot) => {
      await answerOf((_request, response) => response.end("ok"));
      boot.end();
    });
    const [span] = await tracing.serverSpans(1);
    expect(span?.parentSpanContext).toBeUndefined();
  });

  test("CSE-06 keeps what middleware in front of it put there", async () => {
    const key = createContextKey("tenant");
    const harness = expressHarness(
      "Express",
      express,
      (app) => app.use((_request, _response, next) => context.with(context.active().setValue(key, "acme"), next)),
      create,
    );
    const server = await harness.serve({
      mount: [experiments],
      handler: ({ reply }) => reply(200, String(context.active().getValue(key))),
    });
    expect((await send(server.port)).body).toBe("acme");
    await server.close();
  });

  test("CSE-13 knows the path that was asked for where Koa's middleware has rewritten it", async () => {
    const app = new Koa();
    app.use((ctx, next) => {
      ctx.url = "/rewritten";
      return next();
    });
    app.use(koaExperiments(experiments, create)).use((ctx) => void (ctx.body = ctx.url));
    const serve = app.callback();
    const server = await listen(createServer((request, response) => void serve(request, response)));
    expect((await send(server.port, { path: "/asked?for=1" })).body).toBe("/rewritten");
    const [span] = await tracing.serverSpans(1);
    await server.close();
    expect(span?.attributes).toMatchObject({ "url.path": "/asked", "url.query": "for=1" });
  });

  test("CSE-07 is none where tracing is suppressed, and nothing is measured", async () => {
    const harness = expressHarness(
      "Express",
      express,
      (app) => app.use((_request, _response, next) => context.with(suppressTracing(context.active()), next)),
      create,
    );
    const server = await harness.serve({
      mount: [experiments],
      handler: ({ reply }) => reply(200, experiments.variant("checkout") ?? "none"),
    });
    expect((await send(server.port, { lines: [VARIANT] })).body).toBe("express");
    await server.close();
    expect(tracing.spans()).toEqual([]);
    expect(await counts()).toEqual([]);
  });
});

describe("a SERVER span that is active, and of which nobody tells", () => {
  test.each([undefined, create])(
    "CSE-12 is the request's, and no other is made, with the options %j",
    async (options) => {
      const serve = nodeExperiments(experiments, (_request, response) => response.end("ok"), options);
      const server = await listen(
        createServer((request, response) => {
          trace.getTracer("ours").startActiveSpan("own", { kind: SpanKind.SERVER }, (span) => {
            response.on("close", () => span.end());
            serve(request, response);
          });
        }),
      );
      await send(server.port, { lines: [VARIANT] });
      const spans = await tracing.serverSpans(1);
      await server.close();
      expect(spans.map(({ name, attributes }) => [name, attributes["experiment.variant"]])).toEqual([
        ["own", "express"],
      ]);
      // Who makes the span may measure too.
      expect(await counts()).toEqual([]);
      expect(diagnostics.take()).toEqual([]);
    },
  );
});

describe("a created server span over HTTP/2", () => {
  test("CSE-15 has the server's name, and the end of a stream that breaks off is no answer", async () => {
    const handler = nodeExperiments<Http2ServerRequest & IncomingMessage, Http2ServerResponse & ServerResponse, void>(
      experiments,
      (request, response) => void (request.url === "/held" ? client.destroy() : response.end("ok")),
      create,
    );
    // why: a server of HTTP/2 gives requests and responses that stand for those of node:http
    const server = createHttp2Server(handler as Parameters<typeof createHttp2Server>[1]);
    const port = await startListening(server);
    const client = connect(`http://127.0.0.1:${port}`);
    const answer = client.request({ ":path": "/a?b" });
    await once(answer.resume(), "close");
    client.request({ ":path": "/held" }).on("error", () => undefined);
    const [whole, broken] = await tracing.serverSpans(2);
    await new Promise((resolve) => server.close(resolve));
    const common = { "server.address": "127.0.0.1", "server.port": port, "network.protocol.version": "2" };
    expect(whole?.attributes).toMatchObject({ ...common, "http.response.status_code": 200 });
    expect(whole?.attributes).not.toHaveProperty("error.type");
    expect(broken?.attributes).toMatchObject({ ...common, "error.type": "aborted" });
    expect(broken?.attributes).not.toHaveProperty("http.response.status_code");
    expect(await counts()).toEqual([1, 1]);
  });
});

describe("an adapter that ends its requests by itself", () => {
  function arrival(): InboundRequest {
    return {
      header: (name) => (name === "baggage" ? "experiment.checkout.variant=express" : undefined),
      peer: undefined,
      url: "https://edge.example/a?sig=1",
      request: { method: "GET", emit: () => false },
      response: { emit: () => false },
      route: () => "/a",
    };
  }

  test("CSE-08 says how a request ended, and the first outcome wins", async () => {
    const { scope, run, end } = inbound(experiments, create)(arrival());
    expect(run(() => experiments.variant("checkout"))).toBe("express");
    end({ status: 201 });
    end({ error: new Error("too late") });
    scope.record("search", "late");
    const [span, ...more] = await tracing.serverSpans(1);
    expect(more).toEqual([]);
    expect(span?.attributes).toMatchObject({
      "http.response.status_code": 201,
      "http.route": "/a",
      "url.scheme": "https",
      "url.path": "/a",
      "url.query": "sig=REDACTED",
    });
    expect(span?.attributes).not.toHaveProperty("error.type");
    expect(tracing.lateWrites()).toEqual([]);
    expect(await counts()).toEqual([1]);
  });

  test("CSE-09 names what broke a request off", async () => {
    inbound(experiments, create)(arrival()).end({ error: new TypeError("no") });
    const [span] = await tracing.serverSpans(1);
    expect(span?.attributes).toMatchObject({ "error.type": "TypeError" });
    expect(span?.attributes).not.toHaveProperty("http.response.status_code");
  });

  test("CSE-10 ends a request that its events have ended no second time", async () => {
    const server = await listen(
      createServer((request, response) => {
        const { run, end } = inbound(experiments, create)(fromNodeRequest(request, response));
        response.on("close", () => end({ error: new Error("too late") }));
        run(() => response.end("ok"));
      }),
    );
    await send(server.port);
    const spans = await tracing.serverSpans(1);
    await server.close();
    expect(spans).toHaveLength(1);
    expect(spans[0]?.attributes).not.toHaveProperty("error.type");
    expect(await counts()).toEqual([1]);
  });
});

describe("options of an adapter", () => {
  const handler = (): void => undefined;

  test.each([
    ["ERR_OPTION_VALUE", { serverSpan: "make" }, 'serverSpan is "make"; write "reuse" or "create"'],
    ["ERR_OPTION_VALUE", { route: "/a" }, 'route is "/a"; write (request) => string | undefined'],
    ["ERR_UNKNOWN_OPTION", { serverspan: "create" }, 'the option "serverspan" of an adapter is unknown'],
    ["ERR_OPTIONS", null, "the options of an adapter are null; write an object with serverSpan, route"],
    ["ERR_OPTIONS", ["create"], "the options of an adapter are an array"],
  ])("CSE-11 that are wrong throw %s at set-up: %j", (code, wrong, message) => {
    // why: what a caller without types gives
    const options = wrong as unknown as InboundOptions<object>;
    for (const mount of [
      () => expressExperiments(experiments, options),
      () => koaExperiments(experiments, options),
      () => nodeExperiments(experiments, handler, options),
    ]) {
      expect(mount).toThrow(ExperimentConfigError);
      expect(mount).toThrow(expect.objectContaining({ code, message: expect.stringContaining(message) }));
    }
  });
});
