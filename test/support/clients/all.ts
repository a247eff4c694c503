import http from "node:http";
import nodeFetch from "node-fetch";
import type { ClientOptions } from "otel-experiments/adapter";
import { type OutboundHarness, outboundContract } from "otel-experiments/testing";
import { fetchHarness } from "./fetch.ts";
import { SHOWS_DESTINATION, SHOWS_NOTHING } from "./node-http.ts";
import { type UndiciSetUp, undiciHarness } from "./undici.ts";
import { type Undici, undiciMajors } from "./undici-majors.ts";

const NO_REDIRECTS: Readonly<Record<string, string>> = Object.fromEntries(
  ["OUT-11", "OUT-12", "OUT-13", "OUT-14", "OUT-15", "OUT-16", "OUT-17", "OUT-21", "OUT-30"].map((id) => [
    id,
    "undici's request follows redirects only through an interceptor",
  ]),
);

const NO_RETRIES: Readonly<Record<string, string>> = {
  "OUT-22": "undici's request tries again only through an interceptor",
};

const SENDS_NOTHING: Readonly<Record<string, string>> = Object.fromEntries(
  outboundContract
    .filter(({ id }) => !["OUT-02", "OUT-03", "OUT-04", "OUT-07", "OUT-08", "OUT-10"].includes(id))
    .filter(({ id }) => !["OUT-19", "OUT-26", "OUT-29", "OUT-31"].includes(id))
    .map(({ id }) => [id, SHOWS_NOTHING]),
);

const redirect = (undici: Undici) => undici.interceptors.redirect({ maxRedirections: 5 });
const retry = (undici: Undici) => undici.interceptors.retry({ maxRetries: 2, minTimeout: 1, maxTimeout: 2 });

const setUps: readonly UndiciSetUp[] = [
  {
    name: "an Agent",
    lacks: { ...NO_REDIRECTS, ...NO_RETRIES },
    dispatcher: (undici) => new undici.Agent(),
    compose: (_undici, ours) => [ours],
  },
  {
    name: "a Pool of 2 connections",
    lacks: { ...NO_REDIRECTS, ...NO_RETRIES },
    dispatcher: (undici, origin) => new undici.Pool(origin, { connections: 2 }),
    compose: (_undici, ours) => [ours],
  },
  {
    name: "a Client that pipelines",
    lacks: { ...NO_REDIRECTS, ...NO_RETRIES },
    dispatcher: (undici, origin) => new undici.Client(origin, { pipelining: 8 }),
    compose: (_undici, ours) => [ours],
  },
  {
    name: "outside of redirect and retry",
    dispatcher: (undici) => new undici.Agent({ connections: 2 }),
    compose: (undici, ours) => [redirect(undici), retry(undici), ours],
  },
  {
    name: "inside of redirect and retry",
    dispatcher: (undici) => new undici.Agent({ connections: 2 }),
    compose: (undici, ours) => [ours, redirect(undici), retry(undici)],
  },
  {
    name: "inside of retry and redirect",
    dispatcher: (undici) => new undici.Agent({ connections: 2 }),
    compose: (undici, ours) => [ours, retry(undici), redirect(undici)],
  },
  {
    name: "between redirect and retry",
    dispatcher: (undici) => new undici.Agent(),
    compose: (undici, ours) => [redirect(undici), ours, retry(undici)],
  },
];

/** Every wrapped client, over everything that it may go through. */
export function outboundHarnesses(options?: ClientOptions): readonly OutboundHarness[] {
  return [
    fetchHarness("the built-in fetch", () => [undefined, async () => undefined], {}, options),
    ...undiciMajors.map(({ name, undici }) =>
      fetchHarness(
        `${name}'s fetch`,
        () => {
          const dispatcher = new undici.Agent();
          // why: undici's types of fetch are its own, and nearly those of the built-in one
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
        // why: node-fetch's types are its own; it goes through node:http and takes an agent
        const inner = ((input: string, init: object) =>
          nodeFetch(input, { ...init, agent })) as unknown as typeof fetch;
        return [inner, async () => agent.destroy()];
      },
      SHOWS_DESTINATION ? {} : SENDS_NOTHING,
      options,
    ),
    ...undiciMajors.flatMap((major) => setUps.map((setUp) => undiciHarness(major, setUp, options))),
  ];
}
