import { metrics } from "@opentelemetry/api";
import type { FastifyInstance } from "fastify";
import { createExperiments } from "otel-experiments";
import { fastifyExperiments } from "otel-experiments/fastify";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { send } from "../../../../testing/wire/client.ts";
import { type FastifyNeighbours, fastifyHarness } from "../../../support/frameworks/fastify.ts";
import { fastifyOtel } from "../../../support/frameworks/fastify-otel.ts";
import { requireFastify } from "../../../support/frameworks/required.ts";
import type { PointReader } from "../../../support/points.ts";
import { startPoints } from "../../../support/points.ts";
import { isServerSpan, startTracing } from "../../../support/tracing.ts";
import { describeServerSpans } from "../server-span-cases.ts";

const tracing = startTracing([]);
const fastify = requireFastify();
const create = { serverSpan: "create" } as const;
let reader: PointReader;

beforeEach(() => {
  tracing.clear();
  reader = startPoints();
});
afterAll(() => metrics.disable());

describeServerSpans(tracing, [
  {
    harness: fastifyHarness("Fastify, created, @fastify/otel before us", fastify, { before: fastifyOtel }, create),
    active: "INTERNAL",
    rpcMetadata: "none",
    replacesContext: true,
  },
  {
    harness: fastifyHarness("Fastify, created, @fastify/otel behind us", fastify, { after: fastifyOtel }, create),
    active: "INTERNAL",
    rpcMetadata: "SERVER",
  },
]);

const rows: readonly { name: string; neighbours: FastifyNeighbours; maker: string }[] = [
  { name: "without a plugin", neighbours: {}, maker: "otel-experiments" },
  { name: "@fastify/otel before us", neighbours: { before: fastifyOtel }, maker: "@fastify/otel" },
  { name: "@fastify/otel behind us", neighbours: { after: fastifyOtel }, maker: "otel-experiments" },
];

describe.each(rows)("Fastify where the server span is to be created, $name", ({ neighbours, maker }) => {
  async function serving<T>(routes: (app: FastifyInstance) => void, use: (port: number) => Promise<T>): Promise<T> {
    const experiments = createExperiments({
      experiments: { checkout: { id: "checkout_redesign_2026q1", variants: ["control", "express"] } },
      trustInbound: true,
    });
    const app = fastify({ forceCloseConnections: true });
    await neighbours.before?.(app);
    await app.register(fastifyExperiments, { experiments, ...create });
    await neighbours.after?.(app);
    routes(app);
    try {
      return await use(Number(new URL(await app.listen({ port: 0, host: "127.0.0.1" })).port));
    } finally {
      await app.close();
      await experiments.close();
    }
  }

  const express = { lines: ["baggage: experiment.checkout.variant=express"] };

  test("CSF-01 one SERVER span and one duration are made, with the route", async () => {
    await serving(
      (app) => app.get("/items/:id", async () => "ok"),
      async (port) => {
        await send(port, { path: "/items/7", ...express });
        const spans = await tracing.serverSpans(1);
        expect(spans.map(({ instrumentationScope }) => instrumentationScope.name)).toEqual([maker]);
        expect(spans[0]?.attributes).toMatchObject({ "experiment.variant": "express", "http.route": "/items/:id" });
      },
    );
    const points = await reader.points("http.server.request.duration");
    expect(points.map(({ attributes, count }) => [attributes, count])).toEqual([
      [
        {
          "http.request.method": "GET",
          "http.response.status_code": 200,
          "http.route": "/items/:id",
          "url.scheme": "http",
          "network.protocol.version": "1.1",
          "experiment.id": "checkout_redesign_2026q1",
          "experiment.variant": "express",
        },
        1,
      ],
    ]);
  });

  test("CSF-02 a route that the plugin leaves out has a SERVER span all the same", async () => {
    await serving(
      (app) => app.get("/quiet", { config: { otel: false } }, async () => "ok"),
      async (port) => {
        await send(port, { path: "/quiet", ...express });
        const spans = await tracing.serverSpans(1);
        expect(spans.map(({ instrumentationScope }) => instrumentationScope.name)).toEqual(["otel-experiments"]);
        expect(spans[0]?.attributes).toMatchObject({ "experiment.variant": "express" });
      },
    );
    expect(await reader.points("http.server.request.duration")).toMatchObject([{ count: 1 }]);
  });

  test("CSF-03 a request that a handler injects has one SERVER span and one duration of its own", async () => {
    await serving(
      (app) => {
        app.get("/inner", async () => "inner");
        app.get("/outer", async () => {
          const headers = { baggage: "experiment.checkout.variant=control" };
          return (await app.inject({ url: "/inner", headers })).body;
        });
      },
      async (port) => {
        expect((await send(port, { path: "/outer", ...express })).body).toBe("inner");
        await tracing.serverSpans(2);
      },
    );
    const spans = tracing.spans().filter(isServerSpan);
    const variants = spans.map(({ attributes }) => [attributes["url.path"], attributes["experiment.variant"]]);
    expect(variants).toEqual([
      ["/inner", "control"],
      ["/outer", "express"],
    ]);
    // Both in one trace: who injects a request is its caller.
    expect(new Set(spans.map((span) => span.spanContext().traceId)).size).toBe(1);
    const points = await reader.points("http.server.request.duration");
    expect(points.map(({ attributes, count }) => [attributes["experiment.variant"], count])).toEqual([
      ["control", 1],
      ["express", 1],
    ]);
  });

  test("CSF-04 a reply that is hijacked ends the span, with its status", async () => {
    await serving(
      (app) =>
        app.get("/", (_request, reply) => {
          reply.hijack();
          reply.raw.writeHead(202).end("hijacked");
        }),
      async (port) => {
        expect((await send(port, express)).body).toBe("hijacked");
        await tracing.serverSpans(1);
      },
    );
    expect(await reader.points("http.server.request.duration")).toMatchObject([
      { attributes: { "http.response.status_code": 202 }, count: 1 },
    ]);
  });
});
