import { createServer } from "node:http";
import { metrics } from "@opentelemetry/api";
import type express from "express";
import type { NextFunction, Request, Response } from "express";
import { createExperiments } from "otel-experiments";
import type { InboundOptions } from "otel-experiments/adapter";
import { expressExperiments } from "otel-experiments/express";
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
  const mount = "/shops/:shop";

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
    expect(new Set(spans)).toEqual(new Set(["/shops/:shop/orders/:order", "/shops/:shop/broken/:order"]));
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

const FRAMEWORKS = [
  ["Express 5", requireExpress()],
  ["Express 4", requireExpress("express-4")],
] as const;

test.each(apps)(
  "RTE-11 a thousand values of a mount path are one route, and leave room for others on $name",
  async (app) => {
    const paths = Array.from({ length: 1000 }, (_, i) => `/shops/s${i}/orders/1`);
    const { spans, measured } = await routesOf(app, [...paths, "/items/7"]);
    expect(new Set(spans)).toEqual(new Set(["/shops/:shop/orders/:order", "/items/:id"]));
    expect(new Set(measured)).toEqual(new Set(["/shops/:shop/orders/:order", "/items/:id"]));
  },
);

/** The routes of requests to an app that is built by a function. */
async function routesIn(framework: typeof express, build: (app: express.Express) => void, paths: readonly string[]) {
  const app: RoutedApp = {
    name: "an app",
    async serve(experiments, options) {
      const made = framework();
      made.use(expressExperiments(experiments, options));
      build(made);
      made.set("env", "test");
      return listen(createServer(made));
    },
  };
  return (await routesOf(app, paths)).spans;
}

const answer = (_request: Request, response: Response): void => void response.send("ok");

describe.each(FRAMEWORKS)("a mount path of %s is shown as it was declared", (_name, framework) => {
  test("RTE-12 through routers in routers and apps in apps", async () => {
    const build = (app: express.Express): void => {
      const orders = framework.Router().get("/:order", answer).get("/", answer);
      const tenant = framework.Router().use("/Orders", orders);
      const inner = framework().use("/of/:region", framework.Router().get("/list", answer));
      app.use("/t/:tenant", tenant);
      app.use("/apps/:app", inner);
      app.use(framework.Router().get("/free", answer));
    };
    const paths = ["/t/acme/orders/7", "/T/Other/ORDERS", "/apps/a/of/eu/list", "/apps/b%20c/of/us/list?x=1", "/free"];
    expect(await routesIn(framework, build, paths)).toEqual([
      "/t/:tenant/orders/:order",
      "/t/:tenant/orders",
      "/apps/:app/of/:region/list",
      "/apps/:app/of/:region/list",
      "/free",
    ]);
  });

  test("RTE-13 where a router is mounted twice, by a list of paths, and by an expression", async () => {
    const build = (app: express.Express): void => {
      const router = framework.Router().get("/x", answer);
      app.use("/one/:a", router);
      app.use(["/two/:b", "/three"], router);
      app.use(/^\/four-(\d+)/, framework.Router().get("/x", answer));
    };
    const paths = ["/one/1/x", "/two/2/x", "/three/x", "/four-4/x", "/four-5/x"];
    expect(await routesIn(framework, build, paths)).toEqual(["/one/:a/x", "/two/:b/x", "/three/x", "/*/x", "/*/x"]);
  });

  test("RTE-14 if the app shows it; of those that were only called there are few", async () => {
    const build = (app: express.Express): void => {
      const hidden = framework.Router().get("/x/:y", answer);
      app.use("/hidden/:tenant", (request: Request, response: Response, next: NextFunction) =>
        hidden(request, response, next),
      );
      app.use("/shown/:tenant", framework.Router().get("/x", answer));
    };
    const paths = Array.from({ length: 100 }, (_, i) => `/hidden/h${i}/x/1`);
    const spans = await routesIn(framework, build, [...paths, "/shown/1/x"]);
    expect(new Set(spans.slice(0, -1)).size).toBeLessThanOrEqual(21);
    expect(spans.at(-1)).toBe("/shown/:tenant/x");
  });
});

test("RTE-08 routes are measured up to a bound, those that were known before it for ever", async () => {
  const app = expressApp("Express", requireExpress());
  const route = ({ url }: { readonly url?: string }): string | undefined =>
    url?.startsWith("/items/n") === true ? url : undefined;
  const paths = Array.from({ length: 300 }, (_, i) => `/items/n${i}`);
  const { spans, measured } = await routesOf(app, [...paths, "/items/7"], {
    route,
  });
  const distinct = new Set(measured);
  expect(distinct.size).toBeLessThanOrEqual(201);
  expect(distinct.size).toBeGreaterThan(100);
  expect(spans.at(-2)).toBeUndefined();
  expect(spans.at(-1)).toBe("/items/:id");
});
