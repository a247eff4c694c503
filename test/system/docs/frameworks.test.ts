import { createServer } from "node:http";
import { createAdaptorServer } from "@hono/node-server";
import { Router } from "express";
import type { InboundServer } from "otel-experiments/testing";
import { expect, test } from "vitest";
import { send } from "../../../testing/wire/client.ts";
import { listen } from "../../support/listening.ts";
import { startTracing } from "../../support/tracing.ts";
import { app as cart } from "./hono-app.ts";
import { expressApp, fastifyApp, honoApp, koaApp, nodeServer, tenantApp } from "./server-span-apps.ts";

const tracing = startTracing([]);
const ONE_CLICK = "baggage: experiment.checkout.variant=one_click";

/** A server of node:http, from what Hono calls one. */
function honoServer(fetch: typeof cart.fetch): Promise<InboundServer> {
  // why: without options of HTTP/2 the server is one of node:http
  return listen(createAdaptorServer({ fetch }) as ReturnType<typeof createServer>);
}

test("DOC-03 Hono's page serves the variant", async () => {
  const server = await honoServer(cart.fetch);
  const bodies = [
    (await send(server.port, { path: "/cart", lines: [ONE_CLICK] })).body,
    (await send(server.port, { path: "/cart" })).body,
  ];
  await server.close();
  expect(bodies).toEqual(["one click", "cart of nobody"]);
  // Without a server there is no peer, and a network contains nobody.
  const headers = { baggage: "experiment.checkout.variant=one_click" };
  expect(await (await cart.request("/cart", { headers })).text()).toBe("cart of nobody");
});

const apps: readonly [name: string, serve: () => Promise<InboundServer>][] = [
  [
    "Express",
    async () => {
      const app = expressApp();
      app.get("/items/:id", (_request, response) => void response.send("ok"));
      return listen(createServer(app));
    },
  ],
  [
    "Koa",
    async () => {
      const app = koaApp();
      app.use((context) => void (context.body = "ok"));
      const serve = app.callback();
      return listen(createServer((request, response) => void serve(request, response)));
    },
  ],
  [
    "Fastify",
    async () => {
      const app = await fastifyApp();
      app.get("/items/:id", async () => "ok");
      const port = Number(new URL(await app.listen({ port: 0, host: "127.0.0.1" })).port);
      return { port, close: () => app.close() };
    },
  ],
  ["Hono", async () => honoServer(honoApp().get("/items/:id", (context) => context.text("ok")).fetch)],
  ["node:http", async () => listen(nodeServer((_request, response) => response.end("ok")))],
];

test.each(apps)("DOC-04 the server span's page makes one on %s", async (_name, serve) => {
  tracing.clear();
  const server = await serve();
  expect((await send(server.port, { path: "/items/7", lines: [ONE_CLICK] })).body).toBe("ok");
  const spans = await tracing.serverSpans(1);
  await server.close();
  expect(spans.map(({ attributes }) => attributes["experiment.variant"])).toEqual(["one_click"]);
});

test("DOC-05 the server span's page names the routes of tenants", async () => {
  tracing.clear();
  const app = tenantApp();
  app.get("/items/:id", (_request, response) => void response.send("ok"));
  app.use(
    "/tenants/:tenant",
    Router().get("/orders/:order", (_request, response) => void response.send("ok")),
  );
  const server = await listen(createServer(app));
  for (const path of ["/tenants/acme/orders/3", "/items/7"]) await send(server.port, { path });
  const spans = await tracing.serverSpans(2);
  await server.close();
  expect(spans.map(({ name }) => name)).toEqual(["GET /tenants/:tenant/orders/:order", "GET /items/:id"]);
});
