import type { IncomingMessage, ServerResponse } from "node:http";
import {
  type ExperimentsHandle,
  fromNodeRequest,
  type InboundOptions,
  inbound,
  placeScope,
} from "../../src/adapter.ts";

/** The part of Koa's context that the middleware uses, in versions 2 and 3. */
interface KoaContext {
  req: IncomingMessage;
  res: ServerResponse;
  state: Record<string, unknown>;
  originalUrl: string;
  onerror(error: Error): void;
}

/** Koa middleware. */
export type ExperimentsMiddleware = (context: KoaContext, next: () => Promise<unknown>) => Promise<unknown>;

/**
 * Koa middleware, versions 2 and 3. Everything used after it runs in the request's scope, which is also at
 * `ctx.state.experiments`. Koa's `error` event is emitted in the scope too.
 *
 * @example app.use(koaExperiments(experiments))
 */
export function koaExperiments<Context extends object = KoaContext>(
  experiments: ExperimentsHandle,
  options?: InboundOptions<Context>,
): ExperimentsMiddleware {
  const open = inbound(experiments, options);
  return function experimentsMiddleware(context, next) {
    const { req, res, originalUrl } = context;
    const { scope, run } = open(
      fromNodeRequest(req, res, { native: context, url: originalUrl, route: () => routeOf(context) }),
    );
    placeScope(context.state, "experiments", scope);
    // Koa handles a rejection outside of the middleware, where the scope is no longer active.
    const { onerror } = context;
    context.onerror = (error) => run(() => onerror.call(context, error));
    return run(next);
  };
}

/** Reads the route that @koa/router sets on a context. */
function routeOf(context: object): string | undefined {
  const route: unknown = Reflect.get(context, "_matchedRoute");
  return typeof route === "string" || route instanceof RegExp ? route.toString() : undefined;
}
