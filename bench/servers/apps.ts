import type nodeHttp from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createRequire } from "node:module";
import { FastifyOtelInstrumentation } from "@fastify/otel";
import type expressModule from "express";
import type { fastify as fastifyModule } from "fastify";
import type koaModule from "koa";
import { createExperiments, type Experiments, type Registry } from "otel-experiments";
import { expressExperiments } from "otel-experiments/express";
import { fastifyExperiments } from "otel-experiments/fastify";
import { experimentFetch } from "otel-experiments/fetch";
import { koaExperiments } from "otel-experiments/koa";
import { nodeExperiments } from "otel-experiments/node";
import { EXPERIMENT, NO_VARIANT, type ServerOrder } from "./cases.ts";
import { activeVariant, markServerSpan } from "./hand-written.ts";

const require = createRequire(import.meta.url);

/** The experiments of a process that has them. */
export function experimentsFor(form: ServerOrder["form"], origin: string): Experiments | undefined {
  if (form !== "ours" && form !== "guarded") return undefined;
  const registry: Registry = { checkout: EXPERIMENT };
  return createExperiments({
    experiments: registry,
    trustInbound: ["127.0.0.0/8"],
    propagateTo: [origin],
  });
}

/** Makes the server. Each answers with the variant that it has read; `/proxying` calls another service before. */
export async function serverOf({ framework, telemetry, form, origin }: ServerOrder): Promise<Server> {
  const experiments = experimentsFor(form, origin);
  const ours = form === "ours" ? experiments : undefined;
  const hand = form === "hand" ? markServerSpan : undefined;
  const variant =
    ours === undefined
      ? hand === undefined
        ? () => NO_VARIANT
        : activeVariant
      : () => ours.variant("checkout") ?? NO_VARIANT;
  // Instrumentations patch what `require` loads.
  const http: typeof nodeHttp = load("node:http");
  switch (framework) {
    case "http": {
      const call = ours === undefined ? fetch : experimentFetch(ours);
      const proxy = async (response: ServerResponse): Promise<void> => {
        await (await call(origin)).arrayBuffer();
        response.end(variant());
      };
      const listener = (request: IncomingMessage, response: ServerResponse): void => {
        hand?.();
        if (request.url === "/proxying") void proxy(response);
        else response.end(variant());
      };
      return http.createServer(ours === undefined ? listener : nodeExperiments(ours, listener));
    }
    case "express": {
      const express: typeof expressModule = load("express");
      const app = express();
      if (ours !== undefined) app.use(expressExperiments(ours));
      if (hand !== undefined) {
        app.use((_request, _response, next) => {
          hand();
          next();
        });
      }
      app.get("/", (_request, response) => void response.send(variant()));
      return http.createServer(app);
    }
    case "koa": {
      const Koa: typeof koaModule = load("koa");
      const app = new Koa();
      if (ours !== undefined) app.use(koaExperiments(ours));
      if (hand !== undefined) {
        app.use((_context, next) => {
          hand();
          return next();
        });
      }
      app.use((context) => {
        context.body = variant();
      });
      const serve = app.callback();
      return http.createServer((request, response) => void serve(request, response));
    }
    case "fastify": {
      const fastify: typeof fastifyModule = load("fastify");
      const app = fastify();
      if (telemetry === "sdk-framework") await app.register(new FastifyOtelInstrumentation().plugin());
      if (ours !== undefined) await app.register(fastifyExperiments, { experiments: ours });
      if (hand !== undefined) {
        app.addHook("onRequest", (_request, _reply, next) => {
          hand();
          next();
        });
      }
      app.get("/", (_request, reply) => reply.send(variant()));
      await app.ready();
      return app.server;
    }
    default:
      return framework satisfies never;
  }
}

function load(name: string): never {
  // why: each caller knows what it loads
  return require(name) as never;
}
