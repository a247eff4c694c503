import http from "node:http";
import nodeFetch from "node-fetch";
import {
  checkOutboundCase,
  checkOutboundLacks,
  type OutboundCase,
  type OutboundHarness,
  outboundContract,
} from "otel-experiments/testing";
import { describe, expect, test } from "vitest";
import { fetchHarness } from "./harness/fetch.ts";
import { type UndiciSetUp, undiciHarness } from "./harness/undici.ts";
import { SHOWS_DESTINATION, SHOWS_NOTHING } from "./node-http.ts";
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

const harnesses: readonly OutboundHarness[] = [
  fetchHarness("the built-in fetch", () => [undefined, async () => undefined]),
  ...undiciMajors.map(({ name, undici }) =>
    fetchHarness(`${name}'s fetch`, () => {
      const dispatcher = new undici.Agent();
      // why: undici's types of fetch are its own, and nearly those of the built-in one
      const inner = ((input: string, init: object) => undici.fetch(input, { ...init, dispatcher })) as typeof fetch;
      return [inner, async () => dispatcher.close()];
    }),
  ),
  fetchHarness(
    "node-fetch",
    () => {
      const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
      // why: node-fetch's types are its own; it goes through node:http and takes an agent
      const inner = ((input: string, init: object) => nodeFetch(input, { ...init, agent })) as unknown as typeof fetch;
      return [inner, async () => agent.destroy()];
    },
    SHOWS_DESTINATION ? {} : SENDS_NOTHING,
  ),
  ...undiciMajors.flatMap((major) => setUps.map((setUp) => undiciHarness(major, setUp))),
];

describe.each(harnesses)("the outbound contract on $name", (harness) => {
  test.each(outboundContract)("$id $title", async (outboundCase) => {
    await expect(checkOutboundCase(outboundCase, harness)).resolves.toBeUndefined();
  });

  test("OUT-R1 lacks no case that there is none of", () => {
    expect(() => checkOutboundLacks(harness)).not.toThrow();
  });
});

const passing: OutboundCase = { id: "OUT-01", title: "passes", run: async () => undefined };
const failing: OutboundCase = { id: "OUT-01", title: "fails", run: () => Promise.reject(new Error("it fails")) };

function lacking(lacks: Record<string, string>): OutboundHarness {
  const [harness] = harnesses;
  if (harness === undefined) throw new Error("there is no harness");
  return { ...harness, name: "another", lacks };
}

describe("the rule of what a harness lacks", () => {
  test("OUT-R2 a case that fails is a failure where it is not named", async () => {
    await expect(checkOutboundCase(failing, lacking({}))).rejects.toThrow("it fails");
  });

  test("OUT-R3 a case that fails is none where it is named with a reason", async () => {
    await expect(checkOutboundCase(failing, lacking({ "OUT-01": "it sends nothing" }))).resolves.toBeUndefined();
  });

  test("OUT-R4 a case that passes although it is named is a failure", async () => {
    await expect(checkOutboundCase(passing, lacking({ "OUT-01": "it sends nothing" }))).rejects.toThrow(
      'another passes OUT-01; take it out of what it lacks: "it sends nothing"',
    );
  });

  test("OUT-R5 a name without a reason is a failure", async () => {
    await expect(checkOutboundCase(failing, lacking({ "OUT-01": " " }))).rejects.toThrow(
      "lacks OUT-01 without a reason",
    );
  });

  test("OUT-R6 a name that is no case's is a failure", () => {
    expect(() => checkOutboundLacks(lacking({ "OUT-00": "there is none" }))).toThrow("OUT-00");
  });

  test("OUT-R7 ids are unique, and titles too", () => {
    expect(new Set(outboundContract.map(({ id }) => id)).size).toBe(outboundContract.length);
    expect(new Set(outboundContract.map(({ title }) => title)).size).toBe(outboundContract.length);
  });
});
