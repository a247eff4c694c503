import { createServer, type RequestListener, type Server } from "node:http";
import express, { type Express, type Request } from "express";
import { type FastifyInstance, fastify } from "fastify";
import { Hono } from "hono";
import Koa from "koa";
import { expressExperiments } from "otel-experiments/express";
import { fastifyExperiments } from "otel-experiments/fastify";
import { honoExperiments } from "otel-experiments/hono";
import { koaExperiments } from "otel-experiments/koa";
import { nodeExperiments } from "otel-experiments/node";
import { experiments } from "./shop-experiments.ts";

export function expressApp(): Express {
  const app = express();
  app.use(expressExperiments(experiments, { serverSpan: "create" }));
  return app;
}

export function koaApp(): Koa {
  const app = new Koa();
  app.use(koaExperiments(experiments, { serverSpan: "create" }));
  return app;
}

export async function fastifyApp(): Promise<FastifyInstance> {
  const app = fastify();
  await app.register(fastifyExperiments, { experiments, serverSpan: "create" });
  return app;
}

export function honoApp(): Hono {
  const app = new Hono();
  app.use(honoExperiments(experiments, { serverSpan: "create" }));
  return app;
}

export function nodeServer(handler: RequestListener): Server {
  const server = createServer(nodeExperiments(experiments, handler, { serverSpan: "create" }));
  return server;
}

export function tenantApp(): Express {
  const app = express();
  app.use(
    expressExperiments(experiments, {
      serverSpan: "create",
      route: ({ baseUrl, route }: Request) =>
        /^\/tenants\//i.test(baseUrl) ? `/tenants/:tenant${route?.path ?? ""}` : undefined,
    }),
  );
  return app;
}
