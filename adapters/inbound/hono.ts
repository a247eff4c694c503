import type { IncomingMessage, ServerResponse } from "node:http";
import type { Context, MiddlewareHandler } from "hono";
import {
  attempt,
  fromNodeRequest,
  type InboundOptions,
  type InboundRequest,
  inbound,
  type KeyedExperiments,
  processWide,
  type RegisteredScope,
  runAssigned,
  withCookie,
} from "../../src/adapter.ts";

/**
 * The variables that the middleware sets in Hono's context: `new Hono<ExperimentsEnv>()`, or the app that `app.use`
 * returns.
 */
export interface ExperimentsEnv {
  Variables: {
    /** The request's experiments. */
    experiments: RegisteredScope;
  };
}

/** The bindings that @hono/node-server passes to an app. */
interface NodeBindings {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
}

/**
 * Hono middleware, version 4. Everything used after it runs in the request's scope, which is also at
 * `c.get("experiments")`. It needs @hono/node-server. Without it, as in `app.request(…)` or on another runtime, the
 * request still has a scope, with two differences: its peer is unknown, so no network in `trustInbound` contains it,
 * and the scope ends when the response is made instead of when it is sent.
 *
 * @example app.use(honoExperiments(experiments))
 */
export function honoExperiments<Key extends string = string>(
  experiments: KeyedExperiments<Key>,
  options?: InboundOptions<Context, NoInfer<Key>>,
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
      const opened = open(fromNodeRequest(bindings.incoming, bindings.outgoing, details));
      context.set("experiments", opened.scope);
      await runAssigned(opened, next);
      writeCookies(context);
      return;
    }
    const isOutermost = !webRequests().has(context);
    const opened = open({ ...webArrival(context), ...details, setCookie: setAtOnce(context) });
    const { scope, end } = opened;
    context.set("experiments", scope);
    try {
      await runAssigned(opened, next);
    } catch (error) {
      // Hono answers requests whose handler throws an Error. Any other thrown value passes through Hono, and gets no
      // answer.
      if (isOutermost) end({ error });
      throw error;
    }
    writeCookies(context);
    if (isOutermost) end({ status: context.res.status });
  };
}

/** The cookies to set, by context and name. */
const cookies = processWide("hono-cookies.v1", () => new WeakMap<Context, Map<string, string>>());

/**
 * Keeps the cookie until there is a response: cookies that are set on Hono's context before replace those of a
 * handler's own `Response`.
 */
function setCookie(context: Context, name: string, line: string): boolean {
  const bindings: unknown = context.env;
  if (isOnNode(bindings) && bindings.outgoing.headersSent) return false;
  const noted = cookies().get(context) ?? new Map<string, string>();
  cookies().set(context, noted.set(name, line));
  if (context.finalized) writeCookies(context);
  return true;
}

/** Without a connection, nothing tells when the headers are sent. */
function setAtOnce(context: Context): NonNullable<InboundRequest["setCookie"]> {
  return (name, line, sent) => {
    const isSet = setCookie(context, name, line);
    if (isSet) sent?.();
    return isSet;
  };
}

/** Idempotent. */
function writeCookies(context: Context): void {
  for (const [name, line] of cookies().get(context) ?? []) {
    attempt("store", "the response took no cookie, so a subject may not stay in its variant", () => {
      const present = context.res.headers.getSetCookie();
      if (present.includes(line)) return;
      const lines = withCookie(present, name, line);
      if (lines.length <= present.length) context.header("set-cookie", undefined);
      for (const each of lines.length > present.length ? [line] : lines) {
        context.header("set-cookie", each, { append: true });
      }
    });
  }
}

function isOnNode(bindings: unknown): bindings is NodeBindings {
  return typeof bindings === "object" && bindings !== null && "incoming" in bindings && "outgoing" in bindings;
}

const webRequests = processWide("hono-requests.v1", () => new WeakMap<Context, InboundRequest["request"]>());

/** A request without a connection, the same object for all instances, and a response without events. */
function webArrival(context: Context): InboundRequest {
  const { req } = context;
  const request = webRequests().get(context) ?? { method: req.method, headers: req.header(), emit: () => false };
  webRequests().set(context, request);
  return {
    header: (name) => req.header(name),
    peer: undefined,
    url: req.url,
    request,
    response: { emit: () => false },
  };
}

/** The route whose handler answered. Middleware matches any path, so a response of a middleware has no route. */
function routeOf({ req }: Context): string | undefined {
  const { matchedRoutes, routeIndex } = req;
  const route = matchedRoutes[routeIndex];
  const isMiddleware = route?.method === "ALL" && route.handler.length > 1;
  return isMiddleware ? undefined : route?.path;
}
