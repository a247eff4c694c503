import type { Span } from "@opentelemetry/api";
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from "fastify";
import fastifyPlugin from "fastify-plugin";
import {
  continueAssigned,
  type ExperimentsHandle,
  type InboundOptions,
  inbound,
  NodeInboundRequest,
  type RegisteredScope,
  withCookie,
} from "../../src/adapter.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** The request's experiments. The plugin of otel-experiments sets them in its `onRequest` hook. */
    experiments: RegisteredScope;
  }
}

/** The plugin's options. */
export interface FastifyExperimentsOptions extends InboundOptions<FastifyRequest, string> {
  /** The result of `createExperiments`. */
  readonly experiments: ExperimentsHandle;
}

/** The plugin's options, and those that Fastify reads from the options of every plugin. */
interface RegisteredOptions extends FastifyExperimentsOptions {
  readonly prefix?: unknown;
  readonly logLevel?: unknown;
  readonly logSerializers?: unknown;
}

/** The method that @fastify/otel adds to a request. */
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
    // why: if the plugin is called as a middleware by mistake, it gets no options, and `inbound` throws
  } = (given ?? {}) as RegisteredOptions;
  const open = inbound(experiments, options);
  // After a second registration the decorator is there already. If the decorator `experiments` is another plugin's,
  // Fastify throws.
  if (!fastify.hasDecorator(DECORATED)) fastify.decorate(DECORATED, true).decorateRequest("experiments");

  fastify.addHook("onRequest", function experimentsHook(request, reply, next) {
    const opened = open(new ArrivedAtFastify(request, reply));
    request.experiments = opened.scope;
    continueAssigned(opened, next);
  });

  // If @fastify/otel is registered after this plugin, it starts its span after this plugin's `onRequest` hook. It ends
  // the span after `onSend`, or in `onResponse`.
  fastify.addHook("onSend", function experimentsSpanHook(request, reply, _payload, next) {
    if (isInstrumented(request)) open(new ArrivedAtFastify(request, reply));
    next();
  });
  fastify.addHook("onResponse", function experimentsSpanHook(request, reply, next) {
    if (isInstrumented(request)) open(new ArrivedAtFastify(request, reply));
    next();
  });
};

class ArrivedAtFastify extends NodeInboundRequest {
  readonly #request: FastifyRequest;
  readonly #reply: FastifyReply;

  constructor(request: FastifyRequest, reply: FastifyReply) {
    super(request.raw, reply.raw, request);
    this.#request = request;
    this.#reply = reply;
  }

  override route(): string | undefined {
    return this.#request.routeOptions.url;
  }

  override serverSpan(): Span | undefined {
    return spanOf(this.#request);
  }

  protected override putCookie(name: string, line: string): boolean {
    return setCookie(this.#reply, name, line);
  }
}

/** Fastify replaces node:http's headers by its own, and appends to its own. */
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
 * Fastify plugin, version 5. All later hooks and handlers run in the request's scope, which is also at
 * `request.experiments`. It is not encapsulated: register it once, at the root.
 *
 * @example await app.register(fastifyExperiments, { experiments })
 */
export const fastifyExperiments: FastifyPluginAsync<FastifyExperimentsOptions> = fastifyPlugin(plugin, {
  fastify: "5.x",
  name: "otel-experiments",
});
