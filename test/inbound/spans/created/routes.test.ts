import { createServer } from "node:http";
import { metrics } from "@opentelemetry/api";
import { createExperiments } from "otel-experiments";
import type { InboundOptions } from "otel-experiments/adapter";
import { nodeExperiments } from "otel-experiments/node";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { send } from "../../../../testing/wire/client.ts";
import { recordDiag } from "../../../support/diag.ts";
import { requireExpress, requireFastify, requireKoa } from "../../../support/frameworks/required.ts";
import { listen } from "../../../support/listening.ts";
import type { PointReader } from "../../../support/points.ts";
import { startPoints } from "../../../support/points.ts";
import { startTracing } from "../../../support/tracing.ts";
import { expressApp, fastifyApp, honoApp, koaApp, type RoutedApp } from "../routed-apps.ts";

const tracing = startTracing([]);
const diagnostics = recordDiag();
let reader: PointReader;

beforeEach(() => {
  tracing.clear();
  reader = startPoints();
});
afterAll(async () => {
  metrics.disable();
  await tracing.stop();
});

/** What requests to some paths, one after the other, left: the names of their spans, and the routes that were measured. */
async function routesOf(app: RoutedApp, paths: readonly string[], options: InboundOptions<object> = {}) {
  const experiments = createExperiments({ trustInbound: true });
  const server = await app.serve(experiments, { serverSpan: "create", ...options });
  for (const path of paths) await send(server.port, { path });
  const spans = await tracing.serverSpans(paths.length);
  await server.close();
  await experiments.close();
  const measured = (await reader.points("http.server.request.duration")).map(
    ({ attributes }) => attributes["http.route"],
  );
  for (const { name, attributes } of spans) {
    const route = attributes["http.route"];
    expect(name).toBe(typeof route === "string" ? `GET ${route}` : "GET");
  }
  return { spans: spans.map(({ attributes }) => attributes["http.route"]), measured };
}

const apps = [
  expressApp("Express 5", requireExpress()),
  expressApp("Express 4", requireExpress("express-4")),
  koaApp("Koa 3", requireKoa()),
  koaApp("Koa 2", requireKoa("koa-2")),
  fastifyApp("Fastify 5", requireFastify()),
  honoApp("Hono 4"),
];

describe.each(apps)("the route of a created server span on $name", (app) => {
  const mount = app.showsMountValues ? "/shops/acme" : "/shops/:shop";

  test("RTE-01 is the framework's, on the span, in its name and in the measurement", async () => {
    const { spans, measured } = await routesOf(app, ["/items/7", "/items/8?q=1", "/shops/acme/orders/3"]);
    expect(spans).toEqual(["/items/:id", "/items/:id", `${mount}/orders/:order`]);
    expect(measured).toEqual(["/items/:id", `${mount}/orders/:order`]);
  });

  test("RTE-02 is known where the handler fails", async () => {
    const { spans, measured } = await routesOf(app, ["/shops/acme/broken/3"]);
    expect(spans).toEqual([`${mount}/broken/:order`]);
    expect(measured).toEqual(spans);
  });

  test("RTE-03 is none where nothing was found, whatever was asked for", async () => {
    const { spans, measured } = await routesOf(app, ["/wp-admin/1", "/wp-admin/2", "/shops/acme/nothing"]);
    expect(spans).toEqual([undefined, undefined, undefined]);
    expect(measured).toEqual([undefined]);
  });

  test("RTE-04 is what the option says, and the framework's where that says nothing", async () => {
    const seen: object[] = [];
    const route = (request: object): string | undefined => {
      seen.push(request);
      return seen.length === 1 ? "/of/mine" : undefined;
    };
    const { spans } = await routesOf(app, ["/items/7", "/items/8"], { route });
    expect(spans).toEqual(["/of/mine", "/items/:id"]);
    // Each framework hands out its own object, and all of them have a `url` or a request that has one.
    expect(seen.map((request) => "url" in request || "req" in request)).toEqual([true, true]);
  });

  test("RTE-05 is none where the option throws or gives no string", async () => {
    const throwing = await routesOf(app, ["/items/7"], {
      route() {
        throw new Error("no route today");
      },
    });
    expect(throwing.spans).toEqual([undefined]);
    tracing.clear();
    // why: what a caller without types gives
    const wrong = await routesOf(app, ["/items/7"], { route: (() => 42) as unknown as () => string });
    expect(wrong.spans).toEqual([undefined]);
  });
});

test("RTE-06 what is wrong with the option was said", () => {
  expect(diagnostics.take().filter((line) => line.includes("route"))).toEqual([
    "warn: otel-experiments: the route of a request could not be found",
  ]);
});

test("RTE-07 node:http has the routes that the option names", async () => {
  const experiments = createExperiments({ trustInbound: true });
  const server = await listen(
    createServer(
      nodeExperiments(experiments, (_request, response) => response.end("ok"), {
        serverSpan: "create",
        route: ({ url = "" }) => (url.startsWith("/items/") ? "/items/:id" : undefined),
      }),
    ),
  );
  await send(server.port, { path: "/items/7" });
  await send(server.port, { path: "/other" });
  const spans = await tracing.serverSpans(2);
  await server.close();
  await experiments.close();
  expect(spans.map(({ name }) => name)).toEqual(["GET /items/:id", "GET"]);
});

test.each([expressApp("Express 5", requireExpress()), expressApp("Express 4", requireExpress("express-4"))])(
  "RTE-09 a mount path of $name is one route, in whichever case it is called",
  async (app) => {
    const paths = ["/shops/acme/orders/1", "/SHOPS/acme/orders/2", "/Shops/Acme/Orders/3", "/sHops/ACME/broken/4"];
    const { spans, measured } = await routesOf(app, paths);
    expect(new Set(spans)).toEqual(new Set(["/shops/acme/orders/:order", "/shops/acme/broken/:order"]));
    expect(measured).toHaveLength(2);
  },
);

test.each([expressApp("Express 5", requireExpress()), expressApp("Express 4", requireExpress("express-4"))])(
  "RTE-10 a route of $name has nothing of a target's host or fragment",
  async (app) => {
    const paths = [
      "/items/1",
      "http://stranger.example/items/2",
      "/items/3#/made/up/items/4",
      "//stranger.example/items/5",
    ];
    const { measured } = await routesOf(app, paths);
    expect(measured.filter((route) => route !== undefined)).toEqual(["/items/:id"]);
  },
);

test("RTE-08 routes are measured up to a bound, those that were known before it for ever", async () => {
  const app = expressApp("Express", requireExpress());
  const paths = Array.from({ length: 300 }, (_, i) => `/shops/s${i}/orders/1`);
  const { spans, measured } = await routesOf(app, [...paths, "/items/7"]);
  const distinct = new Set(measured);
  expect(distinct.size).toBeLessThanOrEqual(201);
  expect(distinct.size).toBeGreaterThan(100);
  expect(spans.at(-2)).toBeUndefined();
  expect(spans.at(-1)).toBe("/items/:id");
});
