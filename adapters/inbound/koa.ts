import type { IncomingMessage, ServerResponse } from "node:http";
import {
  type ExperimentsHandle,
  fromNodeRequest,
  type InboundOptions,
  inbound,
  placeScope,
} from "../../src/adapter.ts";

/** What we use of Koa's context, in versions 2 and 3. */
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
 * Koa middleware, versions 2 and 3: what is used behind it is served in the request's scope, which also stands at
 * `ctx.state.experiments`. Koa's `error` event is emitted in it too.
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
    // Koa handles a rejection outside the middleware, where the scope would be gone.
    const { onerror } = context;
    context.onerror = (error) => run(() => onerror.call(context, error));
    return run(next);
  };
}

/** What @koa/router leaves on a context. */
function routeOf(context: object): string | undefined {
  const route: unknown = Reflect.get(context, "_matchedRoute");
  return typeof route === "string" || route instanceof RegExp ? route.toString() : undefined;
}
