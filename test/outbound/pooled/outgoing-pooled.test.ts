import { experimentFetch } from "otel-experiments/fetch";
import { instrumentOutgoing } from "otel-experiments/outgoing";
import { experimentInterceptor } from "otel-experiments/undici";
import type { Dispatcher } from "undici";
import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import { httpWays } from "../../support/clients/http-ways.ts";
import { interleave, type Tally, tallyByWay, type Way } from "../../support/clients/interleaving.ts";
import { SHOWS_DESTINATION } from "../../support/clients/node-http.ts";
import { pooledWays } from "../../support/clients/pooled-ways.ts";
import { undiciMajors } from "../../support/clients/undici-majors.ts";
import { startDisorderlyServer } from "../../support/disorderly-server.ts";
import { openStage } from "../../support/service-stage.ts";

vi.setConfig({ testTimeout: 600_000 });

const CALLS = 2000;
/** So that each connection of a small pool has a queue. */
const AT_ONCE = 96;

const server = await startDisorderlyServer();
const { experiments, serve, close } = await openStage({ propagateTo: [server.origin] });
const outgoing = instrumentOutgoing(experiments);

afterEach(() => server.clear());

afterAll(async () => {
  outgoing[Symbol.dispose]();
  await close();
  await server.close();
});

/** Makes the calls, and gives for each way what arrived. */
async function tally(ways: readonly Way[]): Promise<ReadonlyMap<string, Tally>> {
  await interleave({ ways, origin: server.origin, calls: CALLS, atOnce: AT_ONCE, serve });
  expect(server.requests.flatMap(({ lines }) => lines.filter((line) => line.includes("ticket")))).toEqual([]);
  const tallies = tallyByWay(server.requests);
  expect([...tallies.keys()].toSorted()).toEqual(ways.map(({ name }) => name).toSorted());
  return tallies;
}

/** The ways by which some requests went without their variant. */
function lacking(tallies: ReadonlyMap<string, Tally>): readonly string[] {
  return [...tallies].filter(([, { missing }]) => missing > 0).map(([name]) => name.replace(/^undici \d: /, ""));
}

function wrong(tallies: ReadonlyMap<string, Tally>): number {
  return [...tallies.values()].reduce((sum, each) => sum + each.wrong, 0);
}

/** The ways on which undici does not always show whose request it is. docs/outgoing.md has this table. */
const NOT_ALWAYS_KNOWN: Readonly<Record<6 | 7 | 8, readonly string[]>> = {
  6: ["fetch, an Agent of 2 connections", "fetch, a Pool of 2 connections", "fetch, retry, 2 connections"],
  7: [
    "request, redirect",
    "request, redirect, 2 connections",
    "request, retry, 2 connections",
    "request, redirect inside of retry",
    "request, retry inside of redirect",
    "fetch, an Agent of 2 connections",
    "fetch, a Pool of 2 connections",
    "fetch, retry",
    "fetch, retry, 2 connections",
  ],
  8: [],
};

describe.each(undiciMajors)("2,000 requests of six variants among each other through $name", (major) => {
  test("OG-P1 unwrapped: none has another one's variant, and where it is known, none is missing", async () => {
    const tallies = await tally(pooledWays(major, server.origin));
    expect(wrong(tallies)).toBe(0);
    // Whether a request waits is a matter of the moment, so that some of these may lack nothing this time.
    const notAlways = NOT_ALWAYS_KNOWN[major.major];
    expect(lacking(tallies).filter((name) => !notAlways.includes(name))).toEqual([]);
    expect(lacking(tallies).length > 0).toBe(notAlways.length > 0);
  });

  test("OG-P2 wrapped: each has its own, and it stands there once", async () => {
    const wrapping = {
      interceptor: experimentInterceptor(experiments),
      fetch: (inner: typeof fetch) => experimentFetch(experiments, inner),
    };
    const tallies = await tally(pooledWays(major, server.origin, wrapping));
    expect(wrong(tallies)).toBe(0);
    expect(lacking(tallies)).toEqual([]);
  });
});

describe("2,000 requests of six variants among each other over node:http", () => {
  test("OG-P5 none has another one's variant, and where Node shows the destination none is missing", async () => {
    const tallies = await tally(httpWays());
    expect(wrong(tallies)).toBe(0);
    expect(lacking(tallies)).toEqual(SHOWS_DESTINATION ? [] : [...tallies.keys()]);
  });
});

/** The handlers of the built-in fetch are those of its own major and the one before. */
const AGENTS_OF_OTHERS = undiciMajors.filter(({ major }) =>
  (process.versions["undici"] ?? "").startsWith("8.") ? major > 6 : major < 8,
);

/** The built-in fetch, over its own dispatcher or another one. */
function builtIn(name: string, path: Way["path"], fetchOnce: typeof fetch, dispatcher?: Dispatcher): Way {
  const init: object = dispatcher === undefined ? {} : { dispatcher };
  return {
    name,
    path,
    hops: path === "/hop/" ? 2 : 1,
    open: () => ({
      get: async (url) => (await fetchOnce(url, init)).text(),
      close: async () => dispatcher?.close(),
    }),
  };
}

describe("2,000 requests of six variants among each other through the built-in fetch", () => {
  test("OG-P3 each has its own variant, redirected or not, wrapped or not", async () => {
    const plain: typeof fetch = (input, init) => fetch(input, init);
    const tallies = await tally([
      builtIn("fetch", "/plain/", plain),
      builtIn("fetch, redirected", "/hop/", plain),
      builtIn("fetch, wrapped", "/plain/", experimentFetch(experiments)),
      builtIn("fetch, wrapped and redirected", "/hop/", experimentFetch(experiments)),
    ]);
    expect(wrong(tallies)).toBe(0);
    expect(lacking(tallies)).toEqual([]);
  });

  test("OG-P4 over other Agents: none has another one's, and without a limit none is missing", async () => {
    const tallies = await tally(
      AGENTS_OF_OTHERS.flatMap(({ name, undici }) => [
        builtIn(name, "/hop/", fetch, new undici.Agent()),
        builtIn(`${name} limited`, "/hop/", fetch, new undici.Agent({ connections: 2 })),
      ]),
    );
    const older = AGENTS_OF_OTHERS.filter(({ major }) => major < 8);
    expect(wrong(tallies)).toBe(0);
    expect(lacking(tallies).toSorted()).toEqual(older.map(({ name }) => `${name} limited`));
  });
});
