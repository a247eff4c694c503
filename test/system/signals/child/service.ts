// A service with everything that has signals. It is asked twice: with a variant in the header, and without one, which it
// then assigns itself.
import type nodeHttp from "node:http";
import type { Server } from "node:http";
import { createRequire } from "node:module";
import { FastifyOtelInstrumentation } from "@fastify/otel";
import { metrics, trace } from "@opentelemetry/api";
import type expressModule from "express";
import type { fastify as fastifyModule } from "fastify";
import type koaModule from "koa";
import { createExperiments } from "otel-experiments";
import { expressExperiments } from "otel-experiments/express";
import { fastifyExperiments } from "otel-experiments/fastify";
import { experimentFetch } from "otel-experiments/fetch";
import { koaExperiments } from "otel-experiments/koa";
import { nodeExperiments } from "otel-experiments/node";
import type pgModule from "pg";
import { logs } from "../../../support/logs-api.ts";
import { commission } from "./commission.ts";

const { setUp, modules, sink, database } = commission;

const experiments = createExperiments({
  experiments: { checkout: { id: "checkout_1", variants: ["control", "express"] } },
  trustInbound: true,
  propagateTo: [sink],
});
const orders = experiments.meter("signals").createCounter("signals.orders");
// OpenTelemetry's own instrumentation makes the CLIENT span where it is on.
const call = experimentFetch(experiments, undefined, { spans: setUp.base !== "auto" });

/** The modules whose way of loading decides what instrumentations can patch. */
const require = createRequire(import.meta.url);
const load = async (name: string): Promise<never> => {
  const loaded: unknown = modules === "CommonJS" ? require(name) : await import(name);
  // why: each caller knows what it loads
  return (typeof loaded === "object" && loaded !== null && "default" in loaded ? loaded.default : loaded) as never;
};

const http: typeof nodeHttp = await load("node:http");
const pg: typeof pgModule = await load("pg");
const pool = new pg.Pool({ host: database, user: "postgres", database: "postgres", max: 1 });

/** What a handler does: something of each kind of signal. */
async function handle(path: string): Promise<string> {
  if (path === "/assigned") experiments.record("checkout", "control");
  return trace.getTracer("signals").startActiveSpan("child", async (span) => {
    await pool.query("SELECT 1");
    logs.getLogger("signals").emit({ body: `served ${path}` });
    orders.add(1, { path });
    await (await call(`${sink}/next?from=${path.slice(1)}`)).text();
    span.end();
    return "served";
  });
}

async function serve(): Promise<Server> {
  const options = setUp.createsServerSpan ? ({ serverSpan: "create" } as const) : {};
  switch (setUp.framework) {
    case "node:http": {
      const serveOne = nodeExperiments(
        experiments,
        async (request, response) => void response.end(await handle(request.url ?? "")),
        options,
      );
      return http.createServer((request, response) => void serveOne(request, response));
    }
    case "Express": {
      const express: typeof expressModule = await load("express");
      const app = express();
      app.use(expressExperiments(experiments, options));
      app.get("/:kind", async (request, response) => response.send(await handle(request.path)));
      return http.createServer(app);
    }
    case "Koa": {
      const Koa: typeof koaModule = await load("koa");
      const app = new Koa();
      app.use(koaExperiments(experiments, options));
      app.use(async (context) => {
        context.body = await handle(context.path);
      });
      const serveOne = app.callback();
      return http.createServer((request, response) => void serveOne(request, response));
    }
    case "Fastify": {
      const fastify: typeof fastifyModule = await load("fastify");
      const app = fastify();
      if (setUp.fastifyOtel) await app.register(new FastifyOtelInstrumentation().plugin());
      await app.register(fastifyExperiments, { experiments, ...options });
      app.get("/:kind", (request) => handle(request.url));
      await app.ready();
      return app.server;
    }
    default:
      throw new Error("there is no such framework");
  }
}

const server = await serve();
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  process.send?.({ port: typeof address === "object" ? address?.port : undefined });
});
process.on("message", () => void end());

async function end(): Promise<void> {
  server.closeAllConnections();
  server.close();
  await pool.end();
  for (const provider of [trace.getTracerProvider(), metrics.getMeterProvider(), logs.getLoggerProvider()]) {
    await flush(provider);
  }
  await experiments.close();
  process.disconnect();
}

/** SDKs have it, and proxies have an SDK behind them. */
async function flush(provider: unknown): Promise<void> {
  const candidates = [provider, callMethod(provider, "getDelegate"), callMethod(provider, "_getDelegate")];
  for (const candidate of candidates) await callMethod(candidate, "forceFlush");
}

function callMethod(target: unknown, name: string): unknown {
  if (typeof target !== "object" || target === null) return undefined;
  const method: unknown = Reflect.get(target, name);
  return typeof method === "function" ? Reflect.apply(method, target, []) : undefined;
}
