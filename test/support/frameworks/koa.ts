import { createServer } from "node:http";
import { bodyParser } from "@koa/bodyparser";
import type Koa from "koa";
import type { Context, Next } from "koa";
import type { InboundOptions } from "otel-experiments/adapter";
import { koaExperiments } from "otel-experiments/koa";
import type { InboundExchange, InboundHarness } from "otel-experiments/testing";
import { listen } from "../listening.ts";
import { readForm } from "./form.ts";
import { requireKoa } from "./required.ts";

/** Imported by all.ts, which finds the file by its name. */
export function harnesses(options?: InboundOptions<Context>): readonly InboundHarness[] {
  return [koaHarness("Koa 3", requireKoa(), options), koaHarness("Koa 2", requireKoa("koa-2"), options)];
}

/** Koa, in the given version. */
export function koaHarness(name: string, Framework: typeof Koa, options?: InboundOptions<Context>): InboundHarness {
  return {
    name,
    async serve({ mount, handler, prepare, onError, options: visitor }) {
      const app = new Framework();
      app.on("error", (error: unknown, context: Context) => onError?.(error, { request: context.req }));
      for (const experiments of mount) app.use(koaExperiments(experiments, { ...options, ...visitor }));
      if (prepare === "json") app.use(bodyParser({ jsonLimit: "1mb" }));
      if (prepare === "multipart") app.use(parseForm);
      if (prepare === "end") app.use(readAway);
      const respond = async (context: Context): Promise<void> => {
        const replied = Promise.withResolvers<void>();
        await handler(exchangeOf(context, replied.resolve));
        await replied.promise;
      };
      app.use(respond);
      const serve = app.callback();
      return listen(createServer((request, response) => void serve(request, response)));
    },
  };
}

function exchangeOf(context: Context, replied: () => void): InboundExchange {
  return {
    request: context.req,
    response: context.res,
    native: context,
    placed: context.state["experiments"],
    body: Reflect.get(context.request, "body"),
    reply(status, body) {
      context.status = status;
      context.body = body;
      replied();
    },
  };
}

function parseForm(context: Context, next: Next): Promise<void> {
  return new Promise((resolve, reject) => {
    readForm(context.req, (failure, form) => {
      Reflect.set(context.request, "body", form);
      if (failure === undefined) next().then(resolve, reject);
      else reject(failure);
    });
  });
}

function readAway(context: Context, next: Next): Promise<void> {
  return new Promise((resolve, reject) => {
    context.req.on("end", () => void next().then(resolve, reject)).resume();
  });
}
