import {
  type ClientOptions,
  type ExperimentsHandle,
  type OutboundRequest,
  outbound,
  rememberScope,
} from "../../src/adapter.ts";
import { inScopeOfDispatch } from "./undici/dispatch-handler.ts";
import { DispatchHeaders } from "./undici/dispatch-headers.ts";

export { ignoreExperimentRequests } from "../../src/adapter.ts";

/** What we use of undici's dispatch options, in versions 6, 7 and 8. */
interface DispatchOptions {
  readonly origin?: string | URL | undefined;
  readonly path?: string | undefined;
  readonly method?: string | undefined;
  readonly headers?: unknown;
}

type Dispatch<Options, Handler> = (options: Options, handler: Handler) => boolean;

/** An interceptor for undici's `compose`. */
export type ExperimentInterceptor = <Options extends DispatchOptions, Handler>(
  dispatch: Dispatch<Options, Handler>,
) => Dispatch<Options, Handler>;

/** Redirects and retries copy the options, so that the scope lives as long as they may use its ticket. */
const SCOPE = Symbol("otel-experiments.scope");

/**
 * An interceptor that passes the request's variants on, to the destinations of `propagateTo` alone. Whose they are is
 * decided when the request is dispatched, and each hop and retry is judged by its own destination, in whichever order
 * it is composed with undici's other interceptors. With `spans: true` it makes OpenTelemetry's CLIENT spans and
 * durations as well.
 *
 * @example new Agent().compose(experimentInterceptor(experiments))
 */
export function experimentInterceptor(
  experiments: ExperimentsHandle,
  clientOptions?: ClientOptions,
): ExperimentInterceptor {
  const startOutbound = outbound(experiments, clientOptions);
  return function experimentsInterceptor(dispatch) {
    return function dispatchWithExperiments(options, handler) {
      if (options.method === "CONNECT")
        return dispatch(options, inScopeOfDispatch(handler, rememberScope(), undefined));
      const headers = new DispatchHeaders(options.headers);
      // redirect and retry give themselves as the handler, and do so again when they dispatch anew.
      const outboundRequest = startOutbound({
        header: headers.lines,
        ...(isObject(handler) ? { identity: handler } : {}),
      });
      const release = outboundRequest?.retain();
      try {
        return dispatch(
          withDeparture(options, headers, outboundRequest),
          inScopeOfDispatch(handler, outboundRequest?.run ?? rememberScope(), release),
        );
      } catch (error) {
        release?.();
        throw error;
      }
    };
  };
}

function withDeparture<Options extends DispatchOptions>(
  options: Options,
  headers: DispatchHeaders,
  outboundRequest: OutboundRequest | undefined,
): Options {
  if (outboundRequest === undefined) return headers.wereUsedUp ? { ...options, headers: headers.again } : options;
  return { ...options, headers: headers.with(outboundRequest, urlOf(options)), [SCOPE]: outboundRequest.scope };
}

/** A path may be absolute, towards a proxy. Without an origin, a Client sends to its own, which it does not show. */
function urlOf({ origin, path = "/" }: DispatchOptions): URL | null {
  if (!path.startsWith("/")) return URL.parse(path);
  return origin === undefined ? null : URL.parse(`${String(origin).replace(/\/$/, "")}${path}`);
}

function isObject(handler: unknown): handler is object {
  return typeof handler === "object" && handler !== null;
}
