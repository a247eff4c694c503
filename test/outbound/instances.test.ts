import diagnosticsChannel from "node:diagnostics_channel";
import http from "node:http";
import { createExperiments, type Experiments } from "otel-experiments";
import { experimentFetch } from "otel-experiments/fetch";
import { nodeExperiments } from "otel-experiments/node";
import { experimentInterceptor } from "otel-experiments/undici";
import { Agent, request } from "undici";
import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import { type ScopedService, startScopedService } from "../../testing/outbound/scoped-service.ts";
import { arrivals, go, own, startRedirectingServer } from "../support/service-stage.ts";

const one = await startRedirectingServer();
const two = await startRedirectingServer();
const neither = await startRedirectingServer();
const servers = [one, two, neither] as const;

afterEach(() => {
  for (const server of servers) server.clear();
});

afterAll(async () => {
  for (const server of servers) await server.close();
});

/** A service that both instances serve, the first one outside. */
function serviceOf(first: Experiments, second: Experiments): Promise<ScopedService> {
  return startScopedService((listener) => nodeExperiments(first, nodeExperiments(second, listener)));
}

async function withInstances(
  options: readonly [Parameters<typeof createExperiments>[0], Parameters<typeof createExperiments>[0]],
  use: (instances: { first: Experiments; second: Experiments; service: ScopedService }) => Promise<void>,
): Promise<void> {
  const first = createExperiments({ trustInbound: true, ...options[0] });
  const second = createExperiments({ trustInbound: true, ...options[1] });
  const service = await serviceOf(first, second);
  try {
    await use({ first, second, service });
  } finally {
    await service.close();
    await first.close();
    await second.close();
  }
}

const everywhere = (fetchOnce: typeof fetch, init: RequestInit = {}): Promise<unknown> =>
  Promise.all(servers.map(async ({ origin }) => (await fetchOnce(`${origin}/`, init)).text()));

const first = own("express", "one.");
const second = own("control", "two.");

describe("two instances with a prefix and a list of destinations each", () => {
  const options = [
    { prefix: "one.", propagateTo: [one.origin] },
    { prefix: "two.", propagateTo: [two.origin] },
  ] as const;

  test("OUT-I1 the client of each writes its own members to its own destinations", async () => {
    await withInstances(options, async ({ first: a, second: b, service }) => {
      await service.serve([`baggage: ${first},${second}`], () => everywhere(experimentFetch(a)));
      expect(servers.map(arrivals)).toEqual([[[first]], [[]], [[]]]);
      for (const server of servers) server.clear();
      await service.serve([`baggage: ${first},${second}`], () => everywhere(experimentFetch(b)));
      expect(servers.map(arrivals)).toEqual([[[]], [[second]], [[]]]);
    });
  });

  test("OUT-I2 a client that both wrap writes for both, each where it may", async () => {
    await withInstances(options, async ({ first: a, second: b, service }) => {
      const both = experimentFetch(a, experimentFetch(b));
      const dispatcher = new Agent().compose(experimentInterceptor(a), experimentInterceptor(b));
      await service.serve([`baggage: ${first},${second}`], async () => {
        await everywhere(both, { headers: { baggage: `user=1,${first},${second}` } });
        for (const { origin } of servers) await (await request(`${origin}/`, { dispatcher })).body.dump();
      });
      await dispatcher.close();
      expect(servers.map(arrivals)).toEqual([
        [[`user=1,${first}`], [first]],
        [[`user=1,${second}`], [second]],
        [["user=1"], []],
      ]);
    });
  });

  test("OUT-I3 own members of either leave with no other client", async () => {
    await withInstances(options, async ({ service }) => {
      const baggage = `user=1,${first},${second},one%2Ecustom=1,%74wo.custom=1,experiment.custom=1`;
      await service.serve([`baggage: ${first},${second}`], async () => {
        await everywhere(fetch, { headers: { baggage } });
        await new Promise((resolve) => {
          http.get(one.origin, { headers: { baggage } }, (response) => response.resume().on("end", resolve));
        });
      });
      // `experiment.` is nobody's prefix here.
      const left = "user=1,experiment.custom=1";
      expect(servers.map(arrivals)).toEqual([[[left], [left]], [[left]], [[left]]]);
    });
  });

  test("OUT-I4 the one that is closed is done, and the other goes on", async () => {
    await withInstances(options, async ({ first: a, second: b, service }) => {
      const both = experimentFetch(a, experimentFetch(b));
      await a.close();
      await service.serve([`baggage: ${first},${second}`], async () => {
        await everywhere(both);
        await everywhere(fetch, { headers: { baggage: second } });
      });
      expect(servers.map(arrivals)).toEqual([
        [[], []],
        [[second], []],
        [[], []],
      ]);
    });
  });

  test("OUT-I5 each hop of a redirect is judged by the list of each", async () => {
    await withInstances(options, async ({ first: a, second: b, service }) => {
      const both = experimentFetch(b, experimentFetch(a));
      const url = `${one.origin}${go(302, `${neither.origin}${go(307, `${two.origin}/`)}`)}`;
      await service.serve([`baggage: ${first},${second}`], () => both(url));
      expect(servers.map(arrivals)).toEqual([[[first]], [[second]], [[]]]);
    });
  });
});

describe("two instances with one prefix and a list of destinations each", () => {
  const options = [{ propagateTo: [one.origin] }, { propagateTo: [two.origin] }] as const;

  test("OUT-I6 the client of each writes to its own destinations alone", async () => {
    await withInstances(options, async ({ first: a, second: b, service }) => {
      await service.serve([`baggage: ${own("express")}`], async () => {
        await everywhere(experimentFetch(a));
        await everywhere(experimentFetch(b));
      });
      expect(servers.map(arrivals)).toEqual([
        [[own("express")], []],
        [[], [own("express")]],
        [[], []],
      ]);
    });
  });

  test("OUT-I7 where both write, each own key stands there once", async () => {
    await withInstances(
      [{ propagateTo: [one.origin] }, { propagateTo: [one.origin, two.origin] }],
      async (instances) => {
        const { first: a, second: b, service } = instances;
        await service.serve([`baggage: ${own("express")}`], async () => {
          a.record("search", "bm25");
          b.record("search", "semantic");
          b.record("price", "high");
          await everywhere(experimentFetch(a, experimentFetch(b)));
        });
        const [[[line = ""] = []] = []] = servers.map(arrivals);
        const keys = line.split(",").map((member) => member.split("=")[0]);
        expect(keys.toSorted((x = "", y = "") => x.localeCompare(y))).toEqual([
          "experiment.checkout.id",
          "experiment.checkout.variant",
          "experiment.price.variant",
          "experiment.search.variant",
        ]);
        expect(arrivals(two)).toEqual([
          [`${own("express")},experiment.search.variant=semantic,experiment.price.variant=high`],
        ]);
        expect(arrivals(neither)).toEqual([[]]);
      },
    );
  });
});

describe("a prefix that begins with another one", () => {
  test("OUT-I8 the members of the longer one are own to both, and leave by their own client alone", async () => {
    const options = [
      { prefix: "exp.", propagateTo: [one.origin] },
      { prefix: "exp.b.", propagateTo: [two.origin] },
    ] as const;
    await withInstances(options, async ({ second: b, service }) => {
      const baggage = own("express", "exp.b.");
      await service.serve([`baggage: ${baggage}`], async () => {
        await everywhere(experimentFetch(b), { headers: { baggage: `user=1,${baggage}` } });
      });
      expect(servers.map(arrivals)).toEqual([[["user=1"]], [[`user=1,${baggage}`]], [["user=1"]]]);
    });
  });
});

describe("two copies of the package in one process", () => {
  test("OUT-I9 share the stop, and each writes for its own", async () => {
    const a = createExperiments({ trustInbound: true, prefix: "one.", propagateTo: [one.origin] });
    vi.resetModules();
    const copy = await import("otel-experiments");
    const { experimentFetch: copiedFetch } = await import("otel-experiments/fetch");
    const { nodeExperiments: copiedNode } = await import("otel-experiments/node");
    expect(copy.createExperiments).not.toBe(createExperiments);

    expect(countSubscribers()).toBe(1);
    const b = copy.createExperiments({ trustInbound: true, prefix: "two.", propagateTo: [two.origin] });
    expect(countSubscribers()).toBe(1);
    const service = await startScopedService((listener) => nodeExperiments(a, copiedNode(b, listener)));
    await service.serve([`baggage: ${first},${second}`], async () => {
      await everywhere(experimentFetch(a, copiedFetch(b)));
      // An adapter of one copy takes the experiments of the other.
      await everywhere(copiedFetch(a));
      await everywhere(fetch, { headers: { baggage: `${first},${second}` } });
    });
    await service.close();
    await a.close();
    await b.close();
    expect(servers.map(arrivals)).toEqual([
      [[first], [first], []],
      [[second], [], []],
      [[], [], []],
    ]);
    expect(diagnosticsChannel.hasSubscribers("undici:request:create")).toBe(false);
  });
});

/** Each subscriber that looks at a request replaces its `addHeader` once. */
function countSubscribers(): number {
  let wraps = 0;
  const probe = new Proxy(
    { origin: one.origin, path: "/", method: "GET", headers: [], addHeader: () => undefined },
    {
      defineProperty(target, name, descriptor) {
        if (name === "addHeader") wraps++;
        return Reflect.defineProperty(target, name, descriptor);
      },
    },
  );
  diagnosticsChannel.channel("undici:request:create").publish({ request: probe });
  return wraps;
}
