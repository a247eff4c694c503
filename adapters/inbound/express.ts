import type { IncomingMessage, ServerResponse } from "node:http";
import {
  type ExperimentsHandle,
  fromNodeRequest,
  type InboundOptions,
  inbound,
  placeScope,
} from "../../src/adapter.ts";
import { expressRoute, type RoutedRequest } from "./express/express-route.ts";

/** The part of Express's request that the middleware uses, in versions 4 and 5. */
type ExpressRequest = IncomingMessage & RoutedRequest;

/** The part of Express's response that the middleware uses, in versions 4 and 5. */
interface ExpressResponse extends ServerResponse {
  locals?: Record<string, unknown>;
}

/** Express middleware. */
export type ExperimentsMiddleware = (
  request: IncomingMessage,
  response: ExpressResponse,
  next: (error?: unknown) => void,
) => void;

/**
 * Express middleware, versions 4 and 5. Everything mounted after it runs in the request's scope, which is also at
 * `res.locals.experiments`.
 *
 * @example app.use(expressExperiments(experiments))
 */
export function expressExperiments<Request extends IncomingMessage = IncomingMessage>(
  experiments: ExperimentsHandle,
  options?: InboundOptions<Request>,
): ExperimentsMiddleware {
  const open = inbound(experiments, options);
  return function experimentsMiddleware(request: ExpressRequest, response, next) {
    const { scope, run } = open(fromNodeRequest(request, response, { route: () => expressRoute(request) }));
    placeScope(response.locals, "experiments", scope);
    run(next);
  };
}
