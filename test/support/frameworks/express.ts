import { createServer } from "node:http";
import type express from "express";
import type { Express, NextFunction, Request, Response } from "express";
import type { InboundOptions } from "otel-experiments/adapter";
import { expressExperiments } from "otel-experiments/express";
import type { InboundExchange, InboundHarness } from "otel-experiments/testing";
import { listen } from "../listening.ts";
import { readForm } from "./form.ts";
import { requireExpress } from "./required.ts";

/** Adds a test's own parts to the app, before the middleware. */
export type BeforeMount = (app: Express) => void;

/** Imported by all.ts, which finds the file by its name. */
export function harnesses(options?: InboundOptions<Request>): readonly InboundHarness[] {
  return [
    expressHarness("Express 5", requireExpress(), undefined, options),
    expressHarness("Express 4", requireExpress("express-4"), undefined, options),
  ];
}

/** Express, in the given version. */
export function expressHarness(
  name: string,
  framework: typeof express,
  beforeMount?: BeforeMount,
  options?: InboundOptions<Request>,
): InboundHarness {
  return {
    name,
    async serve({ mount, handler, prepare, onError, options: visitor }) {
      const app = framework();
      beforeMount?.(app);
      for (const experiments of mount) app.use(expressExperiments(experiments, { ...options, ...visitor }));
      if (prepare === "json") app.use(framework.json({ limit: "1mb" }));
      if (prepare === "multipart") app.use(parseForm);
      if (prepare === "end") app.use(readAway);
      const respond = async (request: Request, response: Response): Promise<void> => {
        await handler(exchangeOf(request, response));
      };
      // Express 4 does not await a handler's result.
      app.use((request, response, tell) => {
        respond(request, response).catch((error: unknown) => tell(error));
      });
      app.use((error: unknown, request: Request, response: Response, _next: NextFunction) => {
        onError?.(error, { request });
        response.status(500).send("failed");
      });
      return listen(createServer(app));
    },
  };
}

function exchangeOf(request: Request, response: Response): InboundExchange {
  return {
    request,
    response,
    native: request,
    placed: response.locals["experiments"],
    body: request.body,
    reply: (status, body) => void response.status(status).send(body),
  };
}

function parseForm(request: Request, _response: Response, next: NextFunction): void {
  readForm(request, (error, form) => {
    request.body = form;
    next(error);
  });
}

function readAway(request: Request, _response: Response, next: NextFunction): void {
  request.on("end", next).resume();
}
