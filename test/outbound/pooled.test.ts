import { createExperiments } from "otel-experiments";
import { experimentFetch } from "otel-experiments/fetch";
import { nodeExperiments } from "otel-experiments/node";
import { experimentInterceptor } from "otel-experiments/undici";
import type { Dispatcher } from "undici";
import { afterAll, describe, expect, test } from "vitest";
import { startScopedService } from "../../testing/outbound/scoped-service.ts";
import { headerValues } from "../../testing/wire/http-bytes.ts";
import { startDisorderlyServer } from "./disorderly-server.ts";
import type { Interceptor } from "./harness/undici.ts";
import { type Undici, undiciMajors } from "./undici-majors.ts";

/** At once, so that each connection of a small pool has a queue. */
const CALLERS = 24;
const CALLS_EACH = 4;
const VARIANTS = ["a", "b", "c", "d", "e", "f"] as const;

const server = await startDisorderlyServer();
const experiments = createExperiments({ trustInbound: true, propagateTo: [server.origin] });
const service = await startScopedService((listener) => nodeExperiments(experiments, listener));
const ours: Interceptor = experimentInterceptor(experiments);

afterAll(async () => {
  await service.close();
  await experiments.close();
  await server.close();
});

/** A way to pool connections. `get` reads the answer to its end. */
interface Pooling {
  readonly name: string;
  /** What the path begins with, and so what is answered. */
  readonly path: "/plain/" | "/hop/" | "/try/";
  /** Requests that arrive for each call. */
  readonly hops: number;
  open(undici: Undici): { get(url: string): Promise<unknown>; close(): Promise<void> };
}

function requesting(
  make: (undici: Undici) => Dispatcher,
  compose: (undici: Undici) => Interceptor[] = () => [ours],
): Pooling["open"] {
  return (undici) => {
    const plain = make(undici);
    const dispatcher = plain.compose(compose(undici));
    return {
      get: async (url) => (await undici.request(url, { dispatcher })).body.dump(),
      close: () => plain.close(),
    };
  };
}

function fetching(make: (undici: Undici) => Dispatcher, wrapped: boolean): Pooling["open"] {
  return (undici) => {
    const plain = make(undici);
    const dispatcher = wrapped ? plain : plain.compose(ours);
    // why: undici's types of fetch are its own, and nearly those of the built-in one
    const inner = ((input: string, init: object) => undici.fetch(input, { ...init, dispatcher })) as typeof fetch;
    const fetchOnce = wrapped ? experimentFetch(experiments, inner) : inner;
    return { get: async (url) => (await fetchOnce(url)).text(), close: () => plain.close() };
  };
}

const redirect = (undici: Undici) => undici.interceptors.redirect({ maxRedirections: 3 });
const retry = (undici: Undici) => undici.interceptors.retry({ maxRetries: 2, minTimeout: 1, maxTimeout: 2 });
const agent = (undici: Undici) => new undici.Agent();
const twoOfAgent = (undici: Undici) => new undici.Agent({ connections: 2 });
const pool = (undici: Undici) => new undici.Pool(server.origin, { connections: 2 });
const client = (undici: Undici) => new undici.Client(server.origin, { pipelining: 6 });
const balanced = (undici: Undici) => new undici.BalancedPool([server.origin], { connections: 2 });

const poolings: readonly Pooling[] = [
  { name: "an Agent", path: "/plain/", hops: 1, open: requesting(agent) },
  { name: "a Pool of 2 connections", path: "/plain/", hops: 1, open: requesting(pool) },
  { name: "a BalancedPool of 2 connections", path: "/plain/", hops: 1, open: requesting(balanced) },
  { name: "a Client that pipelines", path: "/plain/", hops: 1, open: requesting(client) },
  {
    name: "outside of redirect",
    path: "/hop/",
    hops: 2,
    open: requesting(twoOfAgent, (undici) => [redirect(undici), ours]),
  },
  { name: "outside of retry", path: "/try/", hops: 2, open: requesting(pool, (undici) => [retry(undici), ours]) },
  {
    name: "outside of redirect and retry",
    path: "/hop/",
    hops: 2,
    open: requesting(agent, (undici) => [redirect(undici), retry(undici), ours]),
  },
  {
    name: "outside of retry and redirect",
    path: "/try/",
    hops: 2,
    open: requesting(twoOfAgent, (undici) => [retry(undici), redirect(undici), ours]),
  },
  { name: "a wrapped fetch over 2 connections", path: "/hop/", hops: 2, open: fetching(twoOfAgent, true) },
  { name: "a fetch over our interceptor", path: "/hop/", hops: 2, open: fetching(twoOfAgent, false) },
];

describe.each(undiciMajors)("pooled connections of $name", ({ undici, major }) => {
  test.each(poolings)(
    "OUT-P1 $name: each request has its own variant, none is wrong, none is missing",
    async (pooling) => {
      server.clear();
      const { get, close } = pooling.open(undici);
      const name = pooling.name.replaceAll(" ", "-");
      await Promise.all(
        Array.from({ length: CALLERS }, async (_, caller) => {
          for (let call = 0; call < CALLS_EACH; call++) {
            const variant = VARIANTS[(caller + call) % VARIANTS.length];
            const own = `experiment.checkout.variant=${variant},experiment.checkout.id=checkout_1`;
            const path = `${pooling.path}${variant}/${name}-${major}-${caller}-${call}`;
            await service.serve([`baggage: ${own}`], () => get(`${server.origin}${path}`));
          }
        }),
      );
      await close();
      const tally = { right: 0, wrong: 0, missing: 0 };
      for (const { start, lines } of server.requests) {
        const variant = /\/([a-f])\//.exec(start)?.[1];
        const baggage = headerValues(lines, "baggage");
        if (baggage.length === 0) tally.missing++;
        else if (baggage.join() === `experiment.checkout.variant=${variant},experiment.checkout.id=checkout_1`)
          tally.right++;
        else tally.wrong++;
      }
      expect(tally).toEqual({ right: CALLERS * CALLS_EACH * pooling.hops, wrong: 0, missing: 0 });
      expect(server.requests.flatMap(({ lines }) => lines).filter((line) => line.includes("ticket"))).toEqual([]);
    },
  );
});
