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

/** The part of undici's dispatch options that the interceptor uses, in versions 6, 7 and 8. */
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

/** Redirects and retries copy the options. So the scope stays reachable as long as they may use its ticket. */
const SCOPE = Symbol("otel-experiments.scope");

/**
 * An interceptor that passes the request's variants on, only to the destinations of `propagateTo`. The request that a
 * call belongs to is decided at dispatch. The destination is decided for each hop and retry, in whichever order the
 * interceptor is composed with undici's own. With `spans: true` it also records OpenTelemetry's CLIENT spans and
 * durations.
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
      // undici's redirect and retry interceptors pass themselves as the handler, and pass the same object when they
      // dispatch again.
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

/**
 * The path is an absolute URL if the request goes to a proxy. Without an origin, a Client sends to its own, which it
 * does not show.
 */
function urlOf({ origin, path = "/" }: DispatchOptions): URL | null {
  if (!path.startsWith("/")) return URL.parse(path);
  return origin === undefined ? null : URL.parse(`${String(origin).replace(/\/$/, "")}${path}`);
}

function isObject(handler: unknown): handler is object {
  return typeof handler === "object" && handler !== null;
}
