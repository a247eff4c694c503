import type { IncomingMessage, ServerResponse } from "node:http";
import {
  continueAssigned,
  type ExperimentsHandle,
  type InboundOptions,
  inbound,
  type KeyedExperiments,
  NodeInboundRequest,
  placeScope,
  type RegisteredScope,
} from "../../src/adapter.ts";
import { expressRoute, type RoutedRequest } from "./express/express-route.ts";

/** The part of Express's request that the middleware uses, in versions 4 and 5. */
type ExpressRequest = IncomingMessage & RoutedRequest;

/** The part of Express's response that the middleware uses, in versions 4 and 5. */
export interface ExpressResponse extends ServerResponse {
  locals?: Record<string, unknown>;
}

class ArrivedAtExpress extends NodeInboundRequest<ExpressRequest> {
  override route(): string | undefined {
    return expressRoute(this.request);
  }
}

/** What Express's request has for the options, in versions 4 and 5, where TypeScript does not know the app's own. */
export interface ExpressAppRequest extends IncomingMessage {
  get(name: string): string | undefined;
  readonly query: Readonly<Record<string, unknown>>;
  readonly ip?: string | undefined;
}

/** The locals that the middleware sets: `declare global { namespace Express { interface Locals extends ExperimentsLocals {} } }`. */
export interface ExperimentsLocals {
  /** The request's experiments. */
  experiments: RegisteredScope;
}

/** Express middleware. */
export type ExperimentsMiddleware<Request extends IncomingMessage = IncomingMessage> = (
  request: Request,
  response: ExpressResponse,
  next: (error?: unknown) => void,
) => void;

/**
 * Express middleware, versions 4 and 5. Everything mounted after it runs in the request's scope, which is also at
 * `res.locals.experiments`.
 *
 * @example app.use(expressExperiments(experiments, { subject: (req) => req.get("x-user-id"), assign: ["checkout"] }))
 */
export function expressExperiments(experiments: ExperimentsHandle): ExperimentsMiddleware;
export function expressExperiments<Request extends IncomingMessage = ExpressAppRequest, Key extends string = string>(
  experiments: KeyedExperiments<Key>,
  options: InboundOptions<Request, NoInfer<Key>> | undefined,
): ExperimentsMiddleware<Request>;
export function expressExperiments(
  experiments: ExperimentsHandle,
  options?: InboundOptions<never, string>,
): ExperimentsMiddleware {
  const open = inbound(experiments, options);
  return function experimentsMiddleware(request: ExpressRequest, response, next) {
    const opened = open(new ArrivedAtExpress(request, response));
    placeScope(response.locals, "experiments", opened.scope);
    continueAssigned(opened, next);
  };
}
