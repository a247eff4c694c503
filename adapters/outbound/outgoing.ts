import { ExperimentConfigError, type ExperimentsHandle, outboundForAllClients } from "../../src/adapter.ts";

/** The result of `instrumentOutgoing`. It is a `Disposable`, so `using` takes it. */
export interface OutgoingInstrumentation {
  /** Ends the instrumentation. Idempotent. */
  [Symbol.dispose](): void;
}

/**
 * Makes every outgoing HTTP call of the process pass the request's variants on, only to the destinations of
 * `propagateTo`: calls of the built-in fetch, of any undici, and of node:http and node:https with all that is built on
 * them. No module is patched, so the order of loading does not matter. If it is not known which request a call belongs
 * to, nothing is sent.
 *
 * If it is called twice, it must be disposed of twice. Closing the experiments ends it too.
 *
 * @throws ExperimentConfigError if the experiments are not a result of `createExperiments`, or if options are given:
 * there are none
 * @example
 * const outgoing = instrumentOutgoing(experiments);
 * outgoing[Symbol.dispose](); // as `using outgoing = …` does at the end of its block
 */
export function instrumentOutgoing(experiments: ExperimentsHandle, options?: undefined): OutgoingInstrumentation {
  if (options !== undefined) {
    throw new ExperimentConfigError(
      "ERR_UNKNOWN_OPTION",
      "instrumentOutgoing takes the experiments alone; for CLIENT spans, use experimentFetch or experimentInterceptor with { spans: true }",
    );
  }
  return { [Symbol.dispose]: outboundForAllClients(experiments) };
}
