import { type ClientOptions, type ExperimentsHandle, layersAbove, markHandler, outbound } from "../../src/adapter.ts";
import { DispatchCall, type DispatchOptions } from "./undici/dispatch-call.ts";
import { inScopeOfDispatch } from "./undici/dispatch-handler.ts";

export { ignoreExperimentRequests } from "../../src/adapter.ts";
export type { DispatchOptions } from "./undici/dispatch-call.ts";

export type Dispatch<Options, Handler> = (options: Options, handler: Handler) => boolean;

/** An interceptor for undici's `compose`. */
export type ExperimentInterceptor = <Options extends DispatchOptions, Handler>(
  dispatch: Dispatch<Options, Handler>,
  ownOrigin?: string | null,
) => Dispatch<Options, Handler>;

/**
 * An interceptor that passes the request's variants on, only to the destinations of `propagateTo`. The request that a
 * call belongs to is decided at dispatch. The destination is decided for each hop and retry, in whichever order the
 * interceptor is composed with undici's own. Options that undici refuses get undici's own error, in undici's own way.
 * With `spans: true` it also records OpenTelemetry's CLIENT spans and durations.
 *
 * @example new Agent().compose(experimentInterceptor(experiments))
 */
export function experimentInterceptor(
  experiments: ExperimentsHandle,
  clientOptions?: ClientOptions,
): ExperimentInterceptor {
  const startOutbound = outbound(experiments, clientOptions);
  const lookAbove = layersAbove(experiments);
  return function experimentsInterceptor(dispatch, ownOrigin) {
    // undici 7 puts an unnamed function around each layer; the layer's handler hides that of ours.
    const hidesHandler = ownOrigin === undefined && dispatch.name === "";
    return function dispatchWithExperiments(options, handler) {
      // undici refuses them, and is to say so itself.
      if (!isObject(options) || !isObject(handler)) return dispatch(options, handler);
      const above = lookAbove(handler);
      const call = new DispatchCall(options, handler, ownOrigin, { hidesHandler, isShared: above?.isShared === true });
      const outer = markHandler(handler);
      const outboundRequest = isConnect(options) ? undefined : startOutbound(call);
      const guard = above && ((headers: unknown) => above.guard(headers, () => call.first, outboundRequest));
      if (outboundRequest === undefined) {
        const scoped = inScopeOfDispatch(handler, { call: outer, guard });
        return outer === undefined
          ? dispatch(call.options, scoped)
          : outer.dispatch(() => dispatch(call.options, scoped));
      }
      const release = outboundRequest.retain();
      try {
        const added = call.with(outboundRequest);
        const { unmarked, makesSpans } = outboundRequest;
        const run = makesSpans ? outboundRequest.run : undefined;
        const scoped = inScopeOfDispatch(handler, { run, release, call: unmarked, guard });
        return unmarked?.makesSpans === true
          ? unmarked.dispatch(() => dispatch(added, scoped))
          : dispatch(added, scoped);
      } catch (error) {
        release();
        throw error;
      }
    };
  };
}

/** Members go to the target of a tunnel, not to the proxy that makes the tunnel. */
function isConnect(options: DispatchOptions): boolean {
  try {
    return options.method === "CONNECT";
  } catch {
    // The getter throws again when undici reads it.
    return true;
  }
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
