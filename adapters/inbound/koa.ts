import type { IncomingMessage, ServerResponse } from "node:http";
import {
  type InboundOptions,
  inbound,
  type KeyedExperiments,
  NodeInboundRequest,
  type OpenRequest,
  placeScope,
  type RegisteredScope,
  runAssigned,
} from "../../src/adapter.ts";

/** The part of Koa's context that the middleware uses, in versions 2 and 3. */
export interface KoaContext {
  req: IncomingMessage;
  res: ServerResponse;
  state: Record<string, unknown>;
  originalUrl: string;
  onerror(error: Error): void;
}

/** What Koa's context has for the options, in versions 2 and 3, where TypeScript does not know the application's own. */
export interface KoaAppContext extends KoaContext {
  get(name: string): string;
  readonly cookies: { get(name: string): string | undefined };
  readonly query: Readonly<Record<string, string | string[] | undefined>>;
  readonly ip: string;
}

/** The state that the middleware sets: `new Koa<ExperimentsState>()`. */
export interface ExperimentsState {
  /** The request's experiments. */
  experiments: RegisteredScope;
}

class ArrivedAtKoa extends NodeInboundRequest {
  override route(): string | undefined {
    return this.native === undefined ? undefined : routeOf(this.native);
  }
}

/** What handles the errors of a context: the latest scope, and the handler before. */
interface ErrorHandling {
  readonly opened: OpenRequest;
  readonly onerror: KoaContext["onerror"];
}

const HANDLING = Symbol("otel-experiments.koa-errors");

interface HandledContext extends KoaContext {
  [HANDLING]?: ErrorHandling;
}

/**
 * Koa handles a rejection outside of the middleware, where the scope is no longer active. All contexts get the same
 * function: one of their own would keep each request alive through the next scavenges.
 */
function handleErrorsWithin(opened: OpenRequest, context: HandledContext): void {
  const { onerror } = context;
  context[HANDLING] = {
    opened,
    onerror: onerror === onErrorInScope ? (context[HANDLING]?.onerror ?? onerror) : onerror,
  };
  context.onerror = onErrorInScope;
}

function onErrorInScope(this: HandledContext, error: Error): void {
  const handling = this[HANDLING];
  if (handling !== undefined) handling.opened.run(() => handling.onerror.call(this, error));
}

/** Koa middleware. */
export type ExperimentsMiddleware<Context extends object = KoaContext> = (
  context: Context & KoaContext,
  next: () => Promise<unknown>,
) => Promise<unknown>;

/**
 * Koa middleware, versions 2 and 3. Everything used after it runs in the request's scope, which is also at
 * `ctx.state.experiments`. Koa's `error` event is emitted in the scope too.
 *
 * @example app.use(koaExperiments(experiments, { subject: (ctx) => ctx.get("x-user-id"), assign: ["checkout"] }))
 */
export function koaExperiments<Context extends object = KoaAppContext, Key extends string = string>(
  experiments: KeyedExperiments<Key>,
  options?: InboundOptions<Context, NoInfer<Key>>,
): ExperimentsMiddleware<Context> {
  const open = inbound(experiments, options);
  return function experimentsMiddleware(context, next) {
    const { req, res, originalUrl } = context;
    const opened = open(new ArrivedAtKoa(req, res, context, originalUrl));
    placeScope(context.state, "experiments", opened.scope);
    handleErrorsWithin(opened, context);
    return runAssigned(opened, next);
  };
}

/** Reads the route that @koa/router sets on a context. */
function routeOf(context: object): string | undefined {
  const route: unknown = Reflect.get(context, "_matchedRoute");
  return typeof route === "string" || route instanceof RegExp ? route.toString() : undefined;
}
