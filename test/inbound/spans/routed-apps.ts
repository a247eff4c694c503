import { createServer } from "node:http";
import { createAdaptorServer } from "@hono/node-server";
import { Router } from "@koa/router";
import type express from "express";
import type { Request, Response } from "express";
import type { fastify } from "fastify";
import { Hono } from "hono";
import type Koa from "koa";
import type { Experiments } from "otel-experiments";
import type { InboundOptions } from "otel-experiments/adapter";
import { expressExperiments } from "otel-experiments/express";
import { fastifyExperiments } from "otel-experiments/fastify";
import { honoExperiments } from "otel-experiments/hono";
import { koaExperiments } from "otel-experiments/koa";
import type { InboundServer } from "otel-experiments/testing";
import { listen } from "../../support/listening.ts";

/**
 * An app that answers `GET /items/:id`, `GET /shops/:shop/orders/:order` and, by an error, `GET /shops/:shop/broken/:order`.
 * The latter two stand in a router that is mounted at `/shops/:shop`. The rest is not found.
 */
export interface RoutedApp {
  readonly name: string;
  serve(experiments: Experiments, options: InboundOptions<object>): Promise<InboundServer>;
}

export function expressApp(name: string, framework: typeof express): RoutedApp {
  return {
    name,
    async serve(experiments, options) {
      const app = framework();
      app.use(expressExperiments(experiments, options));
      app.get("/items/:id", (_request: Request, response: Response) => void response.send("ok"));
      const shop = framework.Router();
      shop.get("/orders/:order", (_request: Request, response: Response) => void response.send("ok"));
      shop.get("/broken/:order", () => {
        throw new Error("it is broken");
      });
      app.use("/shops/:shop", shop);
      app.set("env", "test"); // does not print errors
      return listen(createServer(app));
    },
  };
}

export function koaApp(name: string, Framework: typeof Koa): RoutedApp {
  return {
    name,
    async serve(experiments, options) {
      const app = new Framework();
      app.silent = true;
      app.use(koaExperiments(experiments, options));
      const router = new Router();
      router.get("/items/:id", (context) => void (context.body = "ok"));
      const shop = new Router({ prefix: "/shops/:shop" });
      shop.get("/orders/:order", (context) => void (context.body = "ok"));
      shop.get("/broken/:order", () => {
        throw new Error("it is broken");
      });
      app.use(router.routes()).use(shop.routes());
      const serve = app.callback();
      return listen(createServer((request, response) => void serve(request, response)));
    },
  };
}

export function fastifyApp(name: string, framework: typeof fastify): RoutedApp {
  return {
    name,
    async serve(experiments, options) {
      const app = framework({ forceCloseConnections: true });
      await app.register(fastifyExperiments, { experiments, ...options });
      app.get("/items/:id", async () => "ok");
      await app.register(
        async (shop) => {
          shop.get("/orders/:order", async () => "ok");
          shop.get("/broken/:order", async () => {
            throw new Error("it is broken");
          });
        },
        { prefix: "/shops/:shop" },
      );
      const port = Number(new URL(await app.listen({ port: 0, host: "127.0.0.1" })).port);
      return { port, close: () => app.close() };
    },
  };
}

export function honoApp(name: string): RoutedApp {
  return {
    name,
    async serve(experiments, options) {
      const app = new Hono();
      app.use(honoExperiments(experiments, options));
      app.use("/shops/*", (_context, next) => next());
      app.get("/items/:id", (context) => context.text("ok"));
      const shop = new Hono();
      shop.get("/orders/:order", (context) => context.text("ok"));
      shop.get("/broken/:order", () => {
        throw new Error("it is broken");
      });
      app.onError((_error, context) => context.text("failed", 500));
      app.route("/shops/:shop", shop);
      // why: without options of HTTP/2 the server is one of node:http
      return listen(createAdaptorServer({ fetch: app.fetch }) as ReturnType<typeof createServer>);
    },
  };
}
