import http from "node:http";
import nodeFetch from "node-fetch";
import type { ClientOptions } from "otel-experiments/adapter";
import { experimentFetch } from "otel-experiments/fetch";
import { type OutboundHarness, outboundContract } from "otel-experiments/testing";
import { SHOWS_DESTINATION, SHOWS_NOTHING } from "./node-http.ts";
import { undiciMajors } from "./undici-majors.ts";

const SENDS_NOTHING: Readonly<Record<string, string>> = Object.fromEntries(
  outboundContract
    .filter(({ id }) => !["OUT-02", "OUT-03", "OUT-04", "OUT-07", "OUT-08", "OUT-10"].includes(id))
    .filter(({ id }) => !["OUT-19", "OUT-26", "OUT-29", "OUT-31"].includes(id))
    .map(({ id }) => [id, SHOWS_NOTHING]),
);

/** Imported by all.ts, which finds the file by its name. */
export function harnesses(options?: ClientOptions): readonly OutboundHarness[] {
  return [
    fetchHarness("the built-in fetch", () => [undefined, async () => undefined], {}, options),
    ...undiciMajors.map(({ name, undici }) =>
      fetchHarness(
        `${name}'s fetch`,
        () => {
          const dispatcher = new undici.Agent();
          // why: undici has its own types of fetch, which are nearly those of the built-in one
          const inner = ((input: string, init: object) => undici.fetch(input, { ...init, dispatcher })) as typeof fetch;
          return [inner, async () => dispatcher.close()];
        },
        {},
        options,
      ),
    ),
    fetchHarness(
      "node-fetch",
      () => {
        const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
        // why: node-fetch has its own types; it uses node:http and takes an agent
        const inner = ((input: string, init: object) =>
          nodeFetch(input, { ...init, agent })) as unknown as typeof fetch;
        return [inner, async () => agent.destroy()];
      },
      SHOWS_DESTINATION ? {} : SENDS_NOTHING,
      options,
    ),
  ];
}

/** Closes the connections that a fetch keeps open. */
type Close = () => Promise<void>;

/** The fetch adapter over one implementation of fetch. */
function fetchHarness(
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
