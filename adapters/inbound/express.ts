import type { IncomingMessage, ServerResponse } from "node:http";
import { arrivalOf, type ExperimentsHandle, inbound, placeScope } from "../../src/adapter.ts";

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
export function expressExperiments(experiments: ExperimentsHandle): ExperimentsMiddleware {
  const open = inbound(experiments);
  return function experimentsMiddleware(request, response, next) {
    const { scope, run } = open(arrivalOf(request, response));
    placeScope(response.locals, "experiments", scope);
    run(next);
  };
}
