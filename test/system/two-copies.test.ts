import { hasSubscribers } from "node:diagnostics_channel";
import { once } from "node:events";
import { cp } from "node:fs/promises";
import http from "node:http";
import { join } from "node:path";
import type * as Core from "otel-experiments";
import type { Experiments, ExperimentsOptions } from "otel-experiments";
import type * as FetchAdapter from "otel-experiments/fetch";
import type * as NodeAdapter from "otel-experiments/node";
import type * as Testing from "otel-experiments/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { send } from "../../testing/wire/client.ts";
import { startWireServer, type WireServer } from "../../testing/wire/server.ts";
import { startListening } from "../support/listening.ts";
import { type PackedPackage, packPackage } from "../support/packed-package.ts";

// npm installs a package twice where two versions are asked for, and a test runner or a bundler may load one twice, or
// its ES modules beside its CommonJS. So the second copy is CommonJS.

/** One copy of the package, as built. */
interface Copy {
  readonly createExperiments: typeof Core.createExperiments;
  readonly nodeExperiments: typeof NodeAdapter.nodeExperiments;
  readonly experimentFetch: typeof FetchAdapter.experimentFetch;
  readonly testHeaders: typeof Testing.testHeaders;
}

const CHANNELS = ["undici:request:create", "http.client.request.created"];
const CHECKOUT: ExperimentsOptions["experiments"] = {
  checkout: { id: "checkout_1", variants: ["control", "express"] },
};
const SEARCH: ExperimentsOptions["experiments"] = { search: { id: "search_1", variants: ["control", "semantic"] } };
const CHECKOUT_MEMBERS = "experiment.checkout.variant=express,experiment.checkout.id=checkout_1";
const SEARCH_MEMBERS = "experiment.search.variant=semantic,experiment.search.id=search_1";

let packed: PackedPackage;
let first: Copy;
let second: Copy;
let downstream: WireServer;
const open: Experiments[] = [];

beforeAll(async () => {
  packed = await packPackage();
  const peers = ["@opentelemetry/api", "@opentelemetry/core", "fastify-plugin"];
  const modules = join(await packed.consumer("two-copies", peers, {}), "node_modules");
  await cp(join(modules, "otel-experiments"), join(modules, "otel-experiments-again"), { recursive: true });
  first = await load(join(modules, "otel-experiments/dist"), ".js");
  second = await load(join(modules, "otel-experiments-again/dist/cjs"), ".cjs");
  downstream = await startWireServer();
});

async function load(directory: string, extension: ".js" | ".cjs"): Promise<Copy> {
  const [core, node, fetching, testing] = await Promise.all(
    ["src/index", "adapters/inbound/node", "adapters/outbound/fetch", "testing/index"].map(
      (file) => import(join(directory, file) + extension) as Promise<object>, // why: a module is an object
    ),
  );
  return { ...core, ...node, ...fetching, ...testing } as Copy; // why: the four modules export these
}

beforeEach(() => downstream.clear());

afterEach(async () => {
  for (const experiments of open.splice(0)) await experiments.close();
});

afterAll(async () => {
  await downstream.close();
  await packed[Symbol.asyncDispose]();
});

function create(copy: Copy, options: ExperimentsOptions): Experiments {
  const experiments = copy.createExperiments({ propagateTo: [downstream.origin], strict: true, ...options });
  open.push(experiments);
  return experiments;
}

/** Serves one request and gives what the handler gave. */
async function serve<T>(
  listen: (handler: () => Promise<T>) => (request: http.IncomingMessage, response: http.ServerResponse) => unknown,
  handler: () => T | Promise<T>,
  baggage?: string,
  lines: readonly string[] = baggage === undefined ? [] : [`baggage: ${baggage}`],
): Promise<T> {
  let result: Promise<T> | undefined;
  const listener = listen(() => (result = (async () => handler())()));
  const server = http.createServer((request, response) => {
    listener(request, response);
    const answer = (): void => void response.end();
    result?.then(answer, answer);
  });
  const port = await startListening(server);
  await send(port, { lines });
  server.close();
  if (result === undefined) throw new Error("the handler was not called");
  return result;
}

test("TWO-01 they are two copies", () => {
  expect(first.createExperiments).not.toBe(second.createExperiments);
  expect(first.nodeExperiments).not.toBe(second.nodeExperiments);
});

describe("two copies of the package", () => {
  test("TWO-02 share adapters: one's serves the requests of the other's experiments", async () => {
    const experiments = create(first, { experiments: CHECKOUT, trustInbound: true });
    const wrapped = second.experimentFetch(experiments);
    const variant = await serve(
      (handler) => second.nodeExperiments(experiments, handler),
      async () => {
        await wrapped(downstream.origin);
        return experiments.variant("checkout");
      },
      CHECKOUT_MEMBERS,
    );
    expect(variant).toBe("express");
    expect(downstream.baggage()).toEqual([[CHECKOUT_MEMBERS]]);
  });

  test("TWO-03 open one scope where both mount the same experiments", async () => {
    const experiments = create(first, { experiments: CHECKOUT });
    const seen = await serve(
      (handler) =>
        first.nodeExperiments(experiments, (request, response) => {
          const outer = experiments.current();
          outer.record("checkout", "express");
          return second.nodeExperiments(experiments, handler)(request, response);
        }),
      () => [experiments.current().assignments.length, experiments.variant("checkout")],
    );
    expect(seen).toEqual([1, "express"]);
  });

  test("TWO-04 keep their experiments apart on one request, and each finds its own", async () => {
    const [shop, engine] = [
      create(first, { experiments: CHECKOUT, trustInbound: true }),
      create(second, { experiments: SEARCH }),
    ];
    await serve(
      (handler) =>
        first.nodeExperiments(shop, (request, response) => second.nodeExperiments(engine, handler)(request, response)),
      async () => {
        expect(shop.variant("checkout")).toBe("express");
        expect(engine.record("search", "semantic")).toBe("semantic");
        await Promise.resolve();
        expect(shop.current().assignments).toMatchObject([{ key: "checkout", variant: "express" }]);
        expect(engine.current().assignments).toMatchObject([{ key: "search", variant: "semantic" }]);
        expect(() => shop.variant("search")).toThrow("there is no experiment");
      },
      CHECKOUT_MEMBERS,
    );
    expect(shop.current().assignments).toEqual([]);
    expect(engine.current().assignments).toEqual([]);
  });

  test("TWO-05 write one line together, whichever wraps the other", async () => {
    const [shop, engine] = [create(first, { experiments: CHECKOUT }), create(second, { experiments: SEARCH })];
    const fetches = [
      first.experimentFetch(shop, second.experimentFetch(engine)),
      second.experimentFetch(engine, first.experimentFetch(shop)),
    ];
    await serve(
      (handler) =>
        second.nodeExperiments(engine, (request, response) => first.nodeExperiments(shop, handler)(request, response)),
      async () => {
        shop.record("checkout", "express");
        engine.record("search", "semantic");
        for (const wrapped of fetches) await wrapped(downstream.origin, { headers: { baggage: "foreign=1" } });
      },
    );
    const members = downstream.baggage().map((lines) => lines.map((line) => line.split(",").sort()));
    expect(members).toEqual(
      fetches.map(() => [["foreign=1", ...CHECKOUT_MEMBERS.split(","), ...SEARCH_MEMBERS.split(",")].sort()]),
    );
  });

  test("TWO-06 stop each other's members, with a prefix each, from a client that neither wraps", async () => {
    create(first, { experiments: CHECKOUT });
    create(second, { experiments: SEARCH, prefix: "exp." });
    const baggage = `foreign=1,${CHECKOUT_MEMBERS},exp.search.variant=semantic`;
    await fetch(downstream.origin, { headers: { baggage } });
    const request = http.get(downstream.origin, { headers: { baggage }, agent: false });
    await once(request, "response");
    expect(downstream.baggage()).toEqual([["foreign=1"], ["foreign=1"]]);
  });

  test.each([
    { closed: "first", order: [0, 1] },
    { closed: "second", order: [1, 0] },
  ])("TWO-07 keep the stop until both are closed ($closed goes first)", async ({ order }) => {
    const both = [create(first, { experiments: CHECKOUT }), create(second, { experiments: CHECKOUT })];
    const [one, other] = order.map((i) => both[i]);
    await one?.close();
    await one?.close();
    await fetch(downstream.origin, { headers: { baggage: CHECKOUT_MEMBERS } });
    expect(downstream.baggage()).toEqual([[]]);
    await other?.close();
    expect(CHANNELS.filter((name) => hasSubscribers(name))).toEqual([]);
    downstream.clear();
    await fetch(downstream.origin, { headers: { baggage: CHECKOUT_MEMBERS } });
    expect(downstream.baggage()).toEqual([[CHECKOUT_MEMBERS]]);
  });

  test("TWO-08 share the bound on series: 8 experiments without a registry for the process, not for each", async () => {
    const [one, other] = [create(first, { trustInbound: true }), create(second, { trustInbound: true })];
    const pairOf = (copy: Copy, experiments: Experiments, id: string): Promise<object> =>
      serve(
        (handler) => copy.nodeExperiments(experiments, handler),
        () => experiments.current().attributes,
        `experiment.checkout.variant=a,experiment.checkout.id=${id}`,
      );
    for (let i = 0; i < 8; i++) await pairOf(first, one, `run${i}`);
    expect(await pairOf(first, one, "run8")).toEqual({ "experiment.variant": "other" });
    expect(await pairOf(second, other, "run8")).toEqual({ "experiment.variant": "other" });
    expect(await pairOf(second, other, "run7")).toEqual({ "experiment.id": "run7", "experiment.variant": "a" });
  });

  test("TWO-09 share the tokens of tests: one's testHeaders brings a variant to the other's experiments", async () => {
    const [mine, theirs] = [
      create(first, { experiments: CHECKOUT, trustInbound: true }),
      create(second, { experiments: CHECKOUT, trustInbound: true }),
    ];
    for (const copy of [first, second]) {
      for (const experiments of [mine, theirs]) {
        const lines = Object.entries(copy.testHeaders(mine, { checkout: "express" })).map((header) =>
          header.join(": "),
        );
        const variant = await serve(
          (handler) => copy.nodeExperiments(experiments, handler),
          () => experiments.variant("checkout"),
          undefined,
          lines,
        );
        expect(variant).toBe("express");
      }
    }
  });
});

describe("two instances of one copy", () => {
  test("TWO-10 open a scope each on one request, and the caller's members go to each that trusts", async () => {
    const [trusting, edge] = [
      create(first, { experiments: CHECKOUT, trustInbound: true }),
      create(first, { experiments: CHECKOUT }),
    ];
    await serve(
      (handler) =>
        first.nodeExperiments(edge, (request, response) => first.nodeExperiments(trusting, handler)(request, response)),
      () => {
        expect(trusting.variant("checkout")).toBe("express");
        expect(edge.variant("checkout")).toBeUndefined();
        expect(edge.record("checkout", "control")).toBe("control");
        expect(trusting.variant("checkout")).toBe("express");
      },
      CHECKOUT_MEMBERS,
    );
  });

  test("TWO-11 write only where their own destinations allow it", async () => {
    const [allowed, refused] = [
      create(first, { experiments: CHECKOUT }),
      create(first, { experiments: SEARCH, propagateTo: ["https://elsewhere.example"] }),
    ];
    const wrapped = first.experimentFetch(allowed, first.experimentFetch(refused));
    await serve(
      (handler) =>
        first.nodeExperiments(allowed, (request, response) =>
          first.nodeExperiments(refused, handler)(request, response),
        ),
      async () => {
        allowed.record("checkout", "express");
        refused.record("search", "semantic");
        await wrapped(downstream.origin);
      },
    );
    expect(downstream.baggage()).toEqual([[CHECKOUT_MEMBERS]]);
  });

  test("TWO-12 closed twice while a request is under way, still stops what it should until that is over", async () => {
    const gate = Promise.withResolvers<void>();
    const slow = await startWireServer(async () => {
      await gate.promise;
      return {};
    });
    const experiments = create(first, { experiments: CHECKOUT, propagateTo: [slow.origin] });
    const wrapped = first.experimentFetch(experiments);
    await serve(
      (handler) => first.nodeExperiments(experiments, handler),
      async () => {
        experiments.record("checkout", "express");
        const underWay = wrapped(slow.origin);
        await experiments.close();
        await experiments.close();
        await fetch(downstream.origin, { headers: { baggage: CHECKOUT_MEMBERS } });
        expect(downstream.baggage()).toEqual([[]]);
        gate.resolve();
        await underWay;
      },
    );
    expect(slow.baggage()).toEqual([[CHECKOUT_MEMBERS]]);
    expect(CHANNELS.filter((name) => hasSubscribers(name))).toEqual([]);
    await slow.close();
  });
});
