import type { ClientOptions } from "otel-experiments/adapter";
import { experimentFetch } from "otel-experiments/fetch";
import type { OutboundHarness } from "otel-experiments/testing";

/** Closes what a fetch keeps open. */
export type Close = () => Promise<void>;

/** The fetch adapter over one implementation of fetch. */
export function fetchHarness(
  name: string,
  open: () => readonly [inner: typeof fetch | undefined, close: Close],
  lacks: Readonly<Record<string, string>> = {},
  options?: ClientOptions,
): OutboundHarness {
  return {
    name,
    lacks: { ...lacks, "OUT-22": "fetch does not try again" },
    create(experiments) {
      const [inner, close] = open();
      const fetchWithExperiments = experimentFetch(experiments, inner, options);
      return {
        async request(url, request = {}) {
          const response = await fetchWithExperiments(url, request);
          return { status: response.status, body: await response.text() };
        },
        close,
      };
    },
  };
}
