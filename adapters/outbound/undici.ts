import { type Departure, type ExperimentsHandle, outbound } from "../../src/adapter.ts";
import { releasing, repeatersOf } from "./dispatch-handler.ts";
import { withDeparture } from "./dispatch-headers.ts";

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

/** What was found when a request was dispatched first. */
interface FirstDispatch {
  readonly departure: Departure | undefined;
}

/**
 * An interceptor that passes the request's variants on, to the destinations of `propagateTo` alone. Whose they are is
 * decided when the request is dispatched first, and each hop and retry is judged by its own destination, in whichever
 * order it is composed with undici's other interceptors.
 *
 * @example new Agent().compose(experimentInterceptor(experiments))
 */
export function experimentInterceptor(experiments: ExperimentsHandle): ExperimentInterceptor {
  const depart = outbound(experiments);
  const firstDispatches = new WeakMap<object, FirstDispatch>();
  return function experimentsInterceptor(dispatch) {
    return function dispatchWithExperiments(options, handler) {
      const repeaters = repeatersOf(handler);
      const known = repeaters.map((repeater) => firstDispatches.get(repeater)).find((first) => first !== undefined);
      const first = known ?? { departure: depart() };
      for (const repeater of repeaters) firstDispatches.set(repeater, first);
      const { departure } = first;
      if (departure === undefined || options.method === "CONNECT") return dispatch(options, handler);

      const headers = withDeparture(options.headers, departure, urlOf(options));
      const release = departure.retain();
      try {
        return dispatch({ ...options, headers, [SCOPE]: departure.scope }, releasing(handler, release));
      } catch (error) {
        release();
        throw error;
      }
    };
  };
}

/** A path may be absolute, towards a proxy. Without an origin, a Client sends to its own, which it does not show. */
function urlOf({ origin, path = "/" }: DispatchOptions): URL | null {
  if (!path.startsWith("/")) return URL.parse(path);
  return origin === undefined ? null : URL.parse(`${String(origin).replace(/\/$/, "")}${path}`);
}
