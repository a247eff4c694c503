import type { IncomingMessage, ServerResponse } from "node:http";
import {
  ExperimentConfigError,
  type ExperimentsHandle,
  fromNodeRequest,
  type InboundOptions,
  inbound,
} from "../../src/adapter.ts";

/**
 * Wraps a `node:http` handler, so that it runs in each request's scope. Without a framework the only routes are those
 * that the option `route` returns.
 *
 * @example http.createServer(nodeExperiments(experiments, handler))
 */
export function nodeExperiments<Result>(
  experiments: ExperimentsHandle,
  handler: (request: IncomingMessage, response: ServerResponse) => Result,
  options?: InboundOptions<IncomingMessage>,
): (request: IncomingMessage, response: ServerResponse) => Result;
/** For servers with their own request and response classes. */
export function nodeExperiments<Request extends IncomingMessage, Response extends ServerResponse, Result>(
  experiments: ExperimentsHandle,
  handler: (request: Request, response: Response) => Result,
  options?: InboundOptions<Request>,
): (request: Request, response: Response) => Result;
export function nodeExperiments<Request extends IncomingMessage, Response extends ServerResponse, Result>(
  experiments: ExperimentsHandle,
  handler: (request: Request, response: Response) => Result,
  options?: InboundOptions<Request>,
): (request: Request, response: Response) => Result {
  const open = inbound(experiments, options);
  if (typeof handler !== "function")
    throw new ExperimentConfigError(
      "ERR_OPTIONS",
      "nodeExperiments got no handler; write nodeExperiments(experiments, handler)",
    );
  return function experimentsListener(this: unknown, request, response) {
    return open(fromNodeRequest(request, response)).run(() => Reflect.apply(handler, this, [request, response]));
  };
}
