import { type ExperimentsHandle, outbound, TICKET_HEADER } from "../../src/adapter.ts";

/** What we use of undici's dispatch options, in versions 6, 7 and 8. */
interface DispatchOptions {
  readonly headers?: unknown;
}

type Dispatch<Options, Handler> = (options: Options, handler: Handler) => boolean;

/** An interceptor for undici's `compose`. */
export type ExperimentInterceptor = <Options extends DispatchOptions, Handler>(
  dispatch: Dispatch<Options, Handler>,
) => Dispatch<Options, Handler>;

/** Lives as long as undici may dispatch a request again, since redirects and retries copy the options. */
const SCOPE = Symbol("otel-experiments.scope");

/**
 * An interceptor that passes the request's variants on, to the destinations of `propagateTo` alone. Whose they are is
 * decided when the request is dispatched, and each hop and retry is judged by its own destination, in whichever order
 * it is composed with undici's other interceptors.
 *
 * @example new Agent().compose(experimentInterceptor(experiments))
 */
export function experimentInterceptor(experiments: ExperimentsHandle): ExperimentInterceptor {
  const depart = outbound(experiments);
  return function experimentsInterceptor(dispatch) {
    return function dispatchWithExperiments(options, handler) {
      const departure = depart();
      if (departure === undefined) return dispatch(options, handler);
      const headers = withTicket(options.headers, departure.ticket);
      return dispatch({ ...options, headers, [SCOPE]: departure.scope }, handler);
    };
  };
}

/** undici takes headers as an object, as a flat array, or as an iterable of pairs; the caller's are not changed. */
function withTicket(headers: unknown, ticket: string): unknown {
  if (Array.isArray(headers)) return [...(headers as unknown[]), TICKET_HEADER, ticket];
  if (typeof headers !== "object" || headers === null) return { [TICKET_HEADER]: ticket };
  const pairs: Iterable<readonly unknown[]> = isIterable(headers) ? headers : Object.entries(headers);
  const copy: Record<string, unknown> = {};
  for (const [name, value] of pairs) copy[String(name)] = value;
  const other = copy[TICKET_HEADER];
  copy[TICKET_HEADER] = typeof other === "string" ? `${other},${ticket}` : ticket;
  return copy;
}

function isIterable(headers: object): headers is Iterable<readonly unknown[]> {
  return Symbol.iterator in headers;
}
