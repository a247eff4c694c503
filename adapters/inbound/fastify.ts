import type { Span } from "@opentelemetry/api";
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from "fastify";
import fastifyPlugin from "fastify-plugin";
import {
  type ExperimentsHandle,
  fromNodeRequest,
  type InboundOptions,
  type InboundRequest,
  inbound,
  type Scope,
  withCookie,
} from "../../src/adapter.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** The request's experiments. Set by otel-experiments' plugin, in its `onRequest` hook. */
    experiments: Scope;
  }
}

/** What the plugin takes. */
export interface FastifyExperimentsOptions extends InboundOptions<FastifyRequest> {
  readonly experiments: ExperimentsHandle;
}

/** With what Fastify takes of the options of every plugin. */
interface RegisteredOptions extends FastifyExperimentsOptions {
  readonly prefix?: unknown;
  readonly logLevel?: unknown;
  readonly logSerializers?: unknown;
}

/** What @fastify/otel adds to a request. */
interface InstrumentedRequest {
  opentelemetry(): { readonly span?: Span | null };
}

const DECORATED = Symbol.for("otel-experiments.fastify.v1");

const plugin: FastifyPluginAsync<FastifyExperimentsOptions> = async (fastify, given) => {
  const {
    experiments,
    prefix: _prefix,
    logLevel: _level,
    logSerializers: _serializers,
    ...options
    // why: called as a middleware by mistake, it is given nothing, and `inbound` says what is missing
  } = (given ?? {}) as RegisteredOptions;
  const open = inbound(experiments, options);
  // Registered twice, or for a second instance, it is there already; somebody else's is an error of Fastify's.
  if (!fastify.hasDecorator(DECORATED)) fastify.decorate(DECORATED, true).decorateRequest("experiments");

  fastify.addHook("onRequest", function experimentsHook(request, reply, next) {
    const { scope, run } = open(arrive(request, reply));
    request.experiments = scope;
    run(next);
  });

  // Registered behind us, @fastify/otel makes its span behind us too; it ends it after `onSend`, or in `onResponse`.
  fastify.addHook("onSend", function experimentsSpanHook(request, reply, _payload, next) {
    if (isInstrumented(request)) open(arrive(request, reply));
    next();
  });
  fastify.addHook("onResponse", function experimentsSpanHook(request, reply, next) {
    if (isInstrumented(request)) open(arrive(request, reply));
    next();
  });
};

function arrive(request: FastifyRequest, reply: FastifyReply): InboundRequest {
  return fromNodeRequest(request.raw, reply.raw, {
    native: request,
    route: () => request.routeOptions.url,
    serverSpan: () => spanOf(request),
    setCookie: (name, line) => setCookie(reply, name, line),
  });
}

/** Fastify writes its own headers in the place of node:http's, and adds to those that it has. */
function setCookie(reply: FastifyReply, name: string, line: string): boolean {
  if (reply.sent || reply.raw.headersSent) return false;
  const lines = withCookie(reply.getHeader("set-cookie"), name, line);
  reply.removeHeader("set-cookie").header("set-cookie", lines);
  return true;
}

function spanOf(request: object): Span | undefined {
  return isInstrumented(request) ? (request.opentelemetry().span ?? undefined) : undefined;
}

function isInstrumented(request: object): request is InstrumentedRequest {
  return "opentelemetry" in request && typeof request.opentelemetry === "function";
}

/**
 * Fastify plugin, version 5: all later hooks and handlers run in the request's scope, which also stands at
 * `request.experiments`. It is not encapsulated, so that register it once, at the root.
 *
 * @example await app.register(fastifyExperiments, { experiments })
 */
export const fastifyExperiments: FastifyPluginAsync<FastifyExperimentsOptions> = fastifyPlugin(plugin, {
  fastify: "5.x",
  name: "otel-experiments",
});
