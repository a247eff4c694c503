import http from "node:http";
import express from "express";
import fastify from "fastify";
import { Hono } from "hono";
import Koa from "koa";
import { expressExperiments } from "otel-experiments/express";
import { fastifyExperiments } from "otel-experiments/fastify";
import { honoExperiments } from "otel-experiments/hono";
import { koaExperiments } from "otel-experiments/koa";
import { nodeExperiments } from "otel-experiments/node";
import { experiments, inline, loose } from "./experiments.js";

export const forExpress = expressExperiments(experiments);
export const forExpressWithOptions = expressExperiments(experiments, {
  serverSpan: "create",
  route: (request) => request.url,
  subject: (request) => request.get("x-user-id"),
  attributes: ({ ip }) => ({ ip }),
  assign: ["checkout"],
});
export const forTypedExpress = expressExperiments(loose, { route: (request: express.Request) => request.path });
export const expressApp = express().use(forExpress);
export const router = express.Router().use(expressExperiments(inline));

export const forKoa = koaExperiments(experiments);
export const forKoaWithOptions = koaExperiments(experiments, {
  route: (ctx: Koa.Context) => ctx.path,
  subject: (ctx) => ctx.get("x-user-id"),
  assign: ["search"],
});
export const koaApp = new Koa().use(forKoa).use(koaExperiments(inline));

export const plugin = fastifyExperiments;
export const fastifyApp = fastify();
export const registered = fastifyApp.register(fastifyExperiments, {
  experiments,
  serverSpan: "create",
  route: ({ routeOptions }) => routeOptions.url,
});
export const getRoute = fastifyApp.get("/", async (request) => request.experiments.variant("checkout"));

export const forHono = honoExperiments(experiments);
export const honoApp = new Hono()
  .use(honoExperiments(inline, { route: (c) => c.req.path }))
  .get("/", (c) => c.text(c.var.experiments.variant("cart") ?? "none"));
export const honoScope = (app: typeof honoApp) => app.routes;

export const listener = nodeExperiments(experiments, (_request, response) => response.end());
export const asyncListener = nodeExperiments(experiments, async ({ url }) => url, { serverSpan: "create" });
export const server = http.createServer(listener);
