import { type ClientOptions, ExperimentConfigError, type ExperimentsHandle, outbound } from "../../src/adapter.ts";
import { FetchCall } from "./fetch/fetch-call.ts";

/** A function of the form of `fetch`, such as undici's or node-fetch's. */
export type Fetch = (input: never, init?: never) => Promise<unknown>;

/**
 * A `fetch` that passes the request's variants on, only to the destinations of `propagateTo`, decided again for each
 * hop of a redirect. Outside of a request, or with nothing to pass on, it only calls the wrapped fetch. Its name and
 * properties are those of the wrapped fetch, and so are the result and the error for arguments of every kind. With
 * `spans: true` it also records OpenTelemetry's CLIENT spans and durations, for a fetch over undici.
 *
 * @param inner undici's fetch, or another one over undici or node:http. Default: the built-in one, looked up at each
 * call, so that a later replacement is used
 */
export function experimentFetch(experiments: ExperimentsHandle, options?: ClientOptions): typeof fetch;
export function experimentFetch(
  experiments: ExperimentsHandle,
  inner: typeof fetch | undefined,
  options?: ClientOptions,
): typeof fetch;
export function experimentFetch<Inner extends Fetch>(
  experiments: ExperimentsHandle,
  inner: Inner,
  options?: ClientOptions,
): Inner;
export function experimentFetch(
  experiments: ExperimentsHandle,
  innerOrOptions?: Fetch | ClientOptions,
  options?: ClientOptions,
): typeof fetch {
  const [inner, clientOptions] =
    typeof innerOrOptions === "function" || innerOrOptions === undefined
      ? [innerOrOptions, options]
      : [undefined, innerOrOptions];
  if (clientOptions === innerOrOptions && options !== undefined) {
    throw new ExperimentConfigError(
      "ERR_OPTIONS",
      "experimentFetch got no function to wrap; write experimentFetch(experiments, fetch)",
    );
  }
  const startOutbound = outbound(experiments, clientOptions);
  // A proxy has the name, the length and all other properties of the wrapped fetch.
  return new Proxy(inner ?? globalThis.fetch ?? missingFetch, {
    apply: function fetchWithExperiments(_target, self, given) {
      // Called with the caller's own arguments wherever there is nothing to add, so that it answers as it does alone.
      const fetchOnce = inner ?? globalThis.fetch;
      const call = new FetchCall(given, inner === undefined || inner === globalThis.fetch);
      const outboundRequest = startOutbound(call);
      if (outboundRequest === undefined) return Reflect.apply(fetchOnce, self, call.args);
      const release = outboundRequest.retain();
      try {
        const args = call.with(outboundRequest);
        const result =
          outboundRequest.unmarked === undefined
            ? Reflect.apply(fetchOnce, self, args)
            : outboundRequest.enter(() => Reflect.apply(fetchOnce, self, args));
        return untilSettled(result, release);
      } catch (error) {
        release();
        throw error;
      }
    },
    // why: implementations differ only in the types of their own classes, and each gets its own caller's arguments
  }) as typeof fetch;
}

/** Stands for a built-in fetch that Node was started without, and that the application may put there later. */
function missingFetch(): void {
  // It is never called: each call looks for the built-in one.
}

/** Calls `release` when a promise is settled, and returns a promise with the same outcome. */
function untilSettled(result: unknown, release: () => void): unknown {
  if (result instanceof Promise) {
    // As `finally` does, but with one promise and not three.
    return result.then(
      (value: unknown) => {
        release();
        return value;
      },
      (error: unknown) => {
        release();
        throw error;
      },
    );
  }
  if (typeof result === "object" && result !== null && "finally" in result && typeof result.finally === "function")
    return result.finally(release);
  release();
  return result;
}
