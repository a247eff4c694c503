import multipart from "@fastify/multipart";
import type { FastifyInstance, FastifyReply, FastifyRequest, fastify } from "fastify";
import type { InboundOptions } from "otel-experiments/adapter";
import { fastifyExperiments } from "otel-experiments/fastify";
import type { FormSize, InboundApp, InboundExchange, InboundHarness } from "otel-experiments/testing";
import { requireFastify } from "./required.ts";

/** Parts that a test adds to the app, before and after the plugin. */
export interface FastifyNeighbours {
  before?(app: FastifyInstance): PromiseLike<unknown>;
  after?(app: FastifyInstance): PromiseLike<unknown>;
}

/** Imported by all.ts, which finds the file by its name. */
export function harnesses(options?: InboundOptions<FastifyRequest>): readonly InboundHarness[] {
  return [fastifyHarness("Fastify 5", requireFastify(), {}, options)];
}

/** Fastify, in the given version. */
export function fastifyHarness(
  name: string,
  framework: typeof fastify,
  { before, after }: FastifyNeighbours = {},
  options: InboundOptions<FastifyRequest> = {},
): InboundHarness {
  return {
    name,
    async serve({ mount, handler, prepare, onError, options: visitor }) {
      const app = framework({ forceCloseConnections: true, exposeHeadRoutes: false });
      await before?.(app);
      for (const experiments of mount) await app.register(fastifyExperiments, { experiments, ...options, ...visitor });
      await after?.(app);
      await prepareBody(app, prepare);
      app.setErrorHandler((error, request, reply) => {
        onError?.(error, { request: request.raw });
        return reply.code(500).send("failed");
      });
      app.all("/*", async (request, reply) => {
        await handler(exchangeOf(request, reply));
        return reply;
      });
      await app.listen({ port: 0, host: "127.0.0.1" });
      // why: a server on a TCP port has an address of this form
      const { port } = app.server.address() as { port: number };
      return { port, close: () => app.close() };
    },
  };
}

function exchangeOf(request: FastifyRequest, reply: FastifyReply): InboundExchange {
  return {
    request: request.raw,
    response: reply.raw,
    native: request,
    placed: request.experiments,
    body: request.body,
    reply: (status, body) => void reply.code(status).send(body),
  };
}

async function prepareBody(app: FastifyInstance, prepare: InboundApp["prepare"]): Promise<void> {
  if (prepare === "multipart") {
    await app.register(multipart);
    app.addHook("preHandler", async (request) => {
      request.body = await formOf(request);
    });
    return;
  }
  app.addContentTypeParser("*", (_request, _payload, done) => done(null));
  if (prepare === "end") {
    app.addHook("preHandler", (request, _reply, done) => {
      request.raw.on("end", done).resume();
    });
  }
}

async function formOf(request: FastifyRequest): Promise<FormSize> {
  let [fields, bytes] = [0, 0];
  for await (const part of request.parts()) {
    if (part.type === "file") bytes += (await part.toBuffer()).length;
    else fields++;
  }
  return { fields, bytes };
}
