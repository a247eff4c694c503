import type { IncomingMessage, ServerResponse } from "node:http";
import {
  ExperimentConfigError,
  fromNodeRequest,
  type InboundOptions,
  inbound,
  type KeyedExperiments,
  runAssigned,
} from "../../src/adapter.ts";

/**
 * The result of a listener: the handler's. If an experiment is awaited, the listener
 * returns a promise of it.
 */
export type Listened<Result> = Result extends PromiseLike<unknown> ? Result : Result | void;

/**
 * Wraps a `node:http` handler, so that it runs in each request's scope. Without a framework the only routes are those
 * that the option `route` returns.
 *
 * @example http.createServer(nodeExperiments(experiments, handler))
 */
export function nodeExperiments<Result, Key extends string = string>(
  experiments: KeyedExperiments<Key>,
  handler: (request: IncomingMessage, response: ServerResponse) => Result,
  options?: InboundOptions<IncomingMessage, NoInfer<Key>>,
): (request: IncomingMessage, response: ServerResponse) => Listened<Result>;
/** For servers with their own request and response classes. */
export function nodeExperiments<
  Request extends IncomingMessage,
  Response extends ServerResponse,
  Result,
  Key extends string = string,
>(
  experiments: KeyedExperiments<Key>,
  handler: (request: Request, response: Response) => Result,
  options?: InboundOptions<Request, NoInfer<Key>>,
): (request: Request, response: Response) => Listened<Result>;
export function nodeExperiments<
  Request extends IncomingMessage,
  Response extends ServerResponse,
  Result,
  Key extends string = string,
>(
  experiments: KeyedExperiments<Key>,
  handler: (request: Request, response: Response) => Result,
  options?: InboundOptions<Request, NoInfer<Key>>,
): (request: Request, response: Response) => unknown {
  const open = inbound(experiments, options);
  if (typeof handler !== "function")
    throw new ExperimentConfigError(
      "ERR_OPTIONS",
      "nodeExperiments got no handler; write nodeExperiments(experiments, handler)",
    );
  return function experimentsListener(this: unknown, request, response) {
    const opened = open(fromNodeRequest(request, response));
    return runAssigned(opened, () => Reflect.apply(handler, this, [request, response]));
  };
}
