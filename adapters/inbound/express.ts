import type { IncomingMessage, ServerResponse } from "node:http";
import {
  type ExperimentsHandle,
  fromNodeRequest,
  type InboundOptions,
  inbound,
  placeScope,
} from "../../src/adapter.ts";
import { expressRoute, type RoutedRequest } from "./express/express-route.ts";

/** What we use of Express's request, in versions 4 and 5. */
type ExpressRequest = IncomingMessage & RoutedRequest;

/** What we use of Express's response, in versions 4 and 5. */
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
 * Express middleware, versions 4 and 5: what is mounted behind it is served in the request's scope, which also stands
 * at `res.locals.experiments`.
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
