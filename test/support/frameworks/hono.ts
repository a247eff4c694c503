import type { Server } from "node:http";
import { createAdaptorServer, type HttpBindings } from "@hono/node-server";
import { type Context, Hono, type MiddlewareHandler } from "hono";
import type { InboundOptions } from "otel-experiments/adapter";
import { type ExperimentsEnv, honoExperiments } from "otel-experiments/hono";
import type { InboundExchange, InboundHarness } from "otel-experiments/testing";
import { listen } from "../listening.ts";
import { readForm } from "./form.ts";

/** The values that the middleware and the parsers of this harness set in a context. */
type Env = { Bindings: HttpBindings; Variables: ExperimentsEnv["Variables"] & { body: unknown } };

/** Imported by all.ts, which finds the file by its name. */
export function harnesses(options?: InboundOptions<Context>): readonly InboundHarness[] {
  return [honoHarness("Hono 4", options)];
}

/** Hono on @hono/node-server. */
export function honoHarness(name: string, options?: InboundOptions<Context>): InboundHarness {
  return {
    name,
    async serve({ mount, handler, prepare, onError, options: visitor }) {
      const app = new Hono<Env>();
      app.onError((error, context) => {
        onError?.(error, { request: context.env.incoming });
        return context.text("failed", 500);
      });
      for (const experiments of mount) app.use(honoExperiments(experiments, { ...options, ...visitor }));
      if (prepare === "json") app.use(parseJson);
      if (prepare === "multipart") app.use(parseForm);
      if (prepare === "end") app.use(readAway);
      app.all("/*", async (context) => {
        const replied = Promise.withResolvers<Response>();
        await handler(exchangeOf(context, replied.resolve));
        return replied.promise;
      });
      // why: without options for HTTP/2 the server is a node:http server
      return listen(createAdaptorServer({ fetch: app.fetch }) as Server);
    },
  };
}

function exchangeOf(context: Context<Env>, replied: (response: Response) => void): InboundExchange {
  return {
    request: context.env.incoming,
    response: context.env.outgoing,
    native: context,
    placed: context.get("experiments"),
    body: context.get("body"),
    reply: (status, body) => replied(new Response(body, { status })),
  };
}

const parseJson: MiddlewareHandler<Env> = async (context, next) => {
  if (context.req.method === "POST") context.set("body", await context.req.json());
  return next();
};

const parseForm: MiddlewareHandler<Env> = (context, next) =>
  new Promise((resolve, reject) => {
    readForm(context.env.incoming, (failure, form) => {
      context.set("body", form);
      if (failure === undefined) next().then(resolve, reject);
      else reject(failure);
    });
  });

const readAway: MiddlewareHandler<Env> = (context, next) =>
  new Promise((resolve, reject) => {
    context.env.incoming.on("end", () => void next().then(resolve, reject)).resume();
  });
