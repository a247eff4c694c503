import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { json } from "node:stream/consumers";
import type { InboundOptions } from "otel-experiments/adapter";
import { nodeExperiments } from "otel-experiments/node";
import type { InboundApp, InboundExchange, InboundHarness } from "otel-experiments/testing";
import { listen } from "../listening.ts";
import { readForm } from "./form.ts";

/** node:http without a framework. The caller of the listener gets its error, as a framework would. */
export const nodeHarness: InboundHarness = nodeHarnessWith("node:http");

/** Imported by all.ts, which finds the file by its name. */
export function harnesses(options?: InboundOptions<IncomingMessage>): readonly InboundHarness[] {
  return [nodeHarnessWith("node:http", options)];
}

/** node:http without a framework, with options of the adapter. */
export function nodeHarnessWith(name: string, options?: InboundOptions<IncomingMessage>): InboundHarness {
  return {
    name,
    lacks: {
      "IN-05": "node:http has no place for state of a request; of(request) is the way there",
      "IN-15":
        "node:http has no error handler; who calls the listener catches outside of the scope, of(request) finds it",
    },
    async serve({ mount, handler, prepare, onError, options: visitor }) {
      const serve = (request: IncomingMessage, response: ServerResponse): Promise<void> =>
        prepareBody(request, prepare, async (body) => {
          await handler(exchangeOf(request, response, body));
        });
      const listener = mount.reduceRight(
        (inner, experiments) => nodeExperiments(experiments, inner, { ...options, ...visitor }),
        serve,
      );
      const server = createServer((request, response) => {
        listener(request, response).catch((error: unknown) => {
          onError?.(error, { request });
          response.writeHead(500).end("failed");
        });
      });
      return listen(server);
    },
  };
}

function exchangeOf(request: IncomingMessage, response: ServerResponse, body: unknown): InboundExchange {
  return {
    request,
    response,
    native: request,
    placed: undefined,
    body,
    reply: (status, text) => void response.writeHead(status).end(text),
  };
}

async function prepareBody(
  request: IncomingMessage,
  prepare: InboundApp["prepare"],
  next: (body?: unknown) => Promise<void>,
): Promise<void> {
  if (prepare === "json") return next(request.method === "POST" ? await json(request) : undefined);
  if (prepare === undefined) return next();
  return new Promise((resolve, reject) => {
    const goOn = (body?: unknown): void => void next(body).then(resolve, reject);
    if (prepare === "end") request.on("end", goOn).resume();
    else readForm(request, (error, form) => (error === undefined ? goOn(form) : reject(error)));
  });
}
