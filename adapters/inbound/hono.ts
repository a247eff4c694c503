import type { IncomingMessage, ServerResponse } from "node:http";
import type { Context, MiddlewareHandler } from "hono";
import {
  type Arrival,
  arrivalOf,
  type ExperimentsHandle,
  type InboundOptions,
  inbound,
  type Scope,
  withCookie,
} from "../../src/adapter.ts";

/** What the middleware adds to Hono's context: `new Hono<ExperimentsEnv>()`, or the app that `app.use` returns. */
export interface ExperimentsEnv {
  Variables: {
    /** The request's experiments. */
    experiments: Scope;
  };
}

/** What @hono/node-server hands to an app. */
interface NodeBindings {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
}

/**
 * Hono middleware, version 4: what is used behind it is served in the request's scope, which also stands at
 * `c.get("experiments")`. It needs @hono/node-server. Without it, as in `app.request(…)` or on another runtime, a
 * request is served all the same; its peer is unknown then, so that networks in `trustInbound` do not contain it, and its
 * scope ends when the response is made and not when it is sent.
 *
 * @example app.use(honoExperiments(experiments))
 */
export function honoExperiments(
  experiments: ExperimentsHandle,
  options?: InboundOptions<Context>,
): MiddlewareHandler<ExperimentsEnv> {
  const open = inbound(experiments, options);
  return async function experimentsMiddleware(context, next) {
    const bindings: unknown = context.env;
    const details = {
      native: context,
      route: () => routeOf(context),
      setCookie: (name: string, line: string) => setCookie(context, name, line),
    };
    if (isOnNode(bindings)) {
      const { scope, run } = open(arrivalOf(bindings.incoming, bindings.outgoing, details));
      context.set("experiments", scope);
      return run(next);
    }
    const { scope, run, end } = open({ ...webArrival(context), ...details });
    context.set("experiments", scope);
    try {
      await run(next);
    } catch (error) {
      // Hono answers for errors, and lets everything else that is thrown through.
      end({ error });
      throw error;
    }
    end({ status: context.res.status });
  };
}

/** Hono makes the response's headers from its own. */
function setCookie(context: Context, name: string, line: string): boolean {
  const lines = withCookie(context.res.headers.getSetCookie(), name, line);
  context.header("set-cookie", undefined);
  for (const each of lines) context.header("set-cookie", each, { append: true });
  return true;
}

function isOnNode(bindings: unknown): bindings is NodeBindings {
  return typeof bindings === "object" && bindings !== null && "incoming" in bindings && "outgoing" in bindings;
}

/** A request without a connection, and a response without events. */
function webArrival({ req }: Context): Arrival {
  return {
    header: (name) => req.header(name),
    peer: undefined,
    url: req.url,
    request: { method: req.method, headers: req.header(), emit: () => false },
    response: { emit: () => false },
  };
}

/** The route whose handler answered. Middleware stands for any path, so that what it answers has no route. */
function routeOf({ req }: Context): string | undefined {
  const { matchedRoutes, routeIndex } = req;
  const route = matchedRoutes[routeIndex];
  const isMiddleware = route?.method === "ALL" && route.handler.length > 1;
  return isMiddleware ? undefined : route?.path;
}
