import type { IncomingMessage, ServerResponse } from "node:http";
import { arrivalOf, type ExperimentsHandle, inbound, placeScope } from "../../src/adapter.ts";

/** What we use of Koa's context, in versions 2 and 3. */
interface KoaContext {
  req: IncomingMessage;
  res: ServerResponse;
  state: Record<string, unknown>;
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
export function koaExperiments(experiments: ExperimentsHandle): ExperimentsMiddleware {
  const open = inbound(experiments);
  return function experimentsMiddleware(context, next) {
    const { scope, run } = open(arrivalOf(context.req, context.res));
    placeScope(context.state, "experiments", scope);
    // Koa handles a rejection outside the middleware, where the scope would be gone.
    const { onerror } = context;
    context.onerror = (error) => run(() => onerror.call(context, error));
    return run(next);
  };
}
