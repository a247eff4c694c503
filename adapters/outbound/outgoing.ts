import { ExperimentConfigError, type ExperimentsHandle, outboundForAllClients } from "../../src/adapter.ts";

/** What `instrumentOutgoing` gives back. It is a `Disposable`, so `using` takes it. */
export interface OutgoingInstrumentation {
  /** Undoes it. Idempotent. */
  [Symbol.dispose](): void;
}

/**
 * Lets every outgoing HTTP call of the process pass the request's variants on, to the destinations of `propagateTo`
 * alone: those of the built-in fetch, of any undici, and of node:http and node:https with all that is built on them.
 * Nothing is patched, so it does not matter which is loaded first. Whose request a call belongs to is known, or nothing
 * is sent.
 *
 * Called twice it is to be undone twice. Closing the experiments undoes it too.
 *
 * @throws ExperimentConfigError for what `createExperiments` did not give, and for options, of which there are none
 * @example
 * const outgoing = instrumentOutgoing(experiments);
 * outgoing[Symbol.dispose](); // as `using outgoing = …` does at the end of its block
 */
export function instrumentOutgoing(experiments: ExperimentsHandle, options?: undefined): OutgoingInstrumentation {
  if (options !== undefined) {
    throw new ExperimentConfigError(
      "ERR_UNKNOWN_OPTION",
      "instrumentOutgoing takes the experiments alone; CLIENT spans are experimentFetch's and experimentInterceptor's, with { spans: true }",
    );
  }
  return { [Symbol.dispose]: outboundForAllClients(experiments) };
}
