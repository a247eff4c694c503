import { AsyncResource } from "node:async_hooks";
import diagnosticsChannel from "node:diagnostics_channel";
import http from "node:http";
import { createExperiments, type Experiments } from "otel-experiments";
import { experimentFetch } from "otel-experiments/fetch";
import { nodeExperiments } from "otel-experiments/node";
import { instrumentOutgoing } from "otel-experiments/outgoing";
import { experimentInterceptor } from "otel-experiments/undici";
import { Agent, MockAgent, request, fetch as undiciFetch } from "undici";
import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import { startScopedService } from "../../testing/outbound/scoped-service.ts";
import { startWireServer } from "../../testing/wire/server.ts";
import { SHOWS_DESTINATION } from "../support/clients/node-http.ts";
import { undiciMajors } from "../support/clients/undici-majors.ts";
import { arrivals, go, openStage, own, startRedirectingServer } from "../support/service-stage.ts";

const allowed = await startRedirectingServer();
const denied = await startRedirectingServer();
const servers = [allowed, denied] as const;
const options = { propagateTo: [allowed.origin] } as const;

afterEach(() => {
  for (const server of servers) server.clear();
});

afterAll(async () => {
  for (const server of servers) await server.close();
});

async function get(url: string): Promise<void> {
  await new Promise((resolve, reject) => {
    http.get(url, (response) => response.resume().on("end", resolve)).on("error", reject);
  });
}

/** One call of each kind of client. */
async function callAll(url: string): Promise<void> {
  await (await fetch(url)).text();
  for (const { undici } of undiciMajors) await (await undici.request(url)).body.dump();
  await get(url);
}

/** What arrives of `callAll` where every client writes, and where none does. */
const written = [...Array.from({ length: 4 }, () => [own("express")]), SHOWS_DESTINATION ? [own("express")] : []];
const bare = Array.from({ length: 5 }, () => []);

describe("instrumentOutgoing", () => {
  test("OG-01 lets clients that are not wrapped write, where they may, and nothing outside a request", async () => {
    const { experiments, serve, close } = await openStage(options);
    await serve(own("express"), () => callAll(allowed.origin));
    expect(arrivals(allowed)).toEqual(bare);
    allowed.clear();

    const outgoing = instrumentOutgoing(experiments);
    await serve(own("express"), () => callAll(allowed.origin));
    await serve(own("express"), () => callAll(denied.origin));
    expect(servers.map(arrivals)).toEqual([written, bare]);
    allowed.clear();

    await callAll(allowed.origin);
    await serve("", () => callAll(allowed.origin));
    expect(arrivals(allowed)).toEqual([...bare, ...bare]);
    outgoing[Symbol.dispose]();
    await close();
  });

  test("OG-02 is undone as often as it was done, and by each result once", async () => {
    const { experiments, serve, close } = await openStage(options);
    const ask = async (): Promise<readonly (readonly string[])[]> => {
      allowed.clear();
      await serve(own("express"), async () => (await fetch(allowed.origin)).text());
      return arrivals(allowed);
    };
    const first = instrumentOutgoing(experiments);
    const second = instrumentOutgoing(experiments);
    expect(await ask()).toEqual([[own("express")]]);
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    expect(await ask()).toEqual([[own("express")]]);
    second[Symbol.dispose]();
    expect(await ask()).toEqual([[]]);
    second[Symbol.dispose]();
    const third = instrumentOutgoing(experiments);
    expect(await ask()).toEqual([[own("express")]]);
    third[Symbol.dispose]();
    expect(await ask()).toEqual([[]]);
    await close();
  });

  test("OG-03 is undone by close, and does nothing for closed experiments", async () => {
    const { experiments, serve, close } = await openStage(options);
    const others = createExperiments({ trustInbound: true, prefix: "other." });
    const outgoing = instrumentOutgoing(experiments);
    await serve(own("express"), async () => {
      await experiments.close();
      await callAll(allowed.origin);
      const late = instrumentOutgoing(experiments);
      await callAll(allowed.origin);
      late[Symbol.dispose]();
    });
    outgoing[Symbol.dispose]();
    expect(arrivals(allowed)).toEqual([...bare, ...bare]);
    await others.close();
    await close();
    for (const channel of ["undici:request:create", "http.client.request.created"]) {
      expect(diagnosticsChannel.hasSubscribers(channel)).toBe(false);
    }
  });

  test("OG-04 takes what createExperiments gave, and nothing else", () => {
    // @ts-expect-error: it is no handle
    expect(() => instrumentOutgoing({})).toThrow(expect.objectContaining({ code: "ERR_OPTIONS" }));
  });

  test("OG-09 takes no options, and says who makes spans", async () => {
    const { experiments, close } = await openStage(options);
    // @ts-expect-error: it takes none
    expect(() => instrumentOutgoing(experiments, { spans: true })).toThrow(
      expect.objectContaining({
        name: "ExperimentConfigError",
        code: "ERR_UNKNOWN_OPTION",
        message: expect.stringContaining("for CLIENT spans, use experimentFetch or experimentInterceptor"),
      }),
    );
    await close();
  });

  test("OG-05 keeps the caller's members, takes what is stale, and writes one line", async () => {
    const { experiments, serve, close } = await openStage(options);
    instrumentOutgoing(experiments);
    const headers = { baggage: `user=1;p=1,${own("stale")}, last=2` };
    await serve(own("express"), async () => {
      await (await fetch(allowed.origin, { headers })).text();
      await (await request(allowed.origin, { headers })).body.dump();
      await (await fetch(denied.origin, { headers })).text();
    });
    const kept = "user=1;p=1, last=2";
    const line = [`${kept},${own("express")}`];
    expect(servers.map(arrivals)).toEqual([[line, line], [[kept]]]);
    await close();
  });

  test("OG-06 a wrapped client's word counts, in one line and without its ticket", async () => {
    const { experiments, serve, close } = await openStage(options);
    instrumentOutgoing(experiments);
    await serve(own("express"), async () => {
      await (await experimentFetch(experiments)(allowed.origin)).text();
      for (const { undici } of undiciMajors) {
        const dispatcher = new undici.Agent().compose(experimentInterceptor(experiments));
        await (await undici.request(allowed.origin, { dispatcher })).body.dump();
        await dispatcher.close();
      }
    });
    expect(arrivals(allowed)).toEqual(Array.from({ length: 4 }, () => [own("express")]));
    await close();
  });

  test("OG-07 an assignment that is made in the handler is passed on, and so is one that follows", async () => {
    const { experiments, serve, close } = await openStage(options);
    instrumentOutgoing(experiments);
    await serve("", async () => {
      experiments.record("checkout", "express");
      await (await fetch(allowed.origin)).text();
      experiments.record("search", "bm25");
      await (await request(allowed.origin)).body.dump();
    });
    const checkout = "experiment.checkout.variant=express";
    expect(arrivals(allowed)).toEqual([[checkout], [`${checkout},experiment.search.variant=bm25`]]);
    await close();
  });

  test("OG-08 a header that is set late goes into the one line", async () => {
    const { experiments, serve, close } = await openStage(options);
    const outgoing = instrumentOutgoing(experiments);
    await serve(own("express"), async () => {
      const late = http.request(allowed.origin);
      outgoing[Symbol.dispose]();
      await new Promise((resolve, reject) => {
        late.on("response", (response) => response.resume().on("end", resolve)).on("error", reject);
        late.setHeader("baggage", "user=1");
        late.appendHeader("baggage", `last=2,${own("stale")}`);
        late.end();
      });
    });
    expect(arrivals(allowed)).toEqual([[SHOWS_DESTINATION ? `user=1,last=2,${own("express")}` : "user=1,last=2"]]);
    await close();
  });
});

describe("instrumentOutgoing, and a request that is under way", () => {
  test("OG-10 hops after it is undone carry nothing of ours, and the stop stands", async () => {
    const { experiments, serve, close } = await openStage({ propagateTo: [allowed.origin] });
    const outgoing = instrumentOutgoing(experiments);
    const answering = Promise.withResolvers<void>();
    const slow = await startWireServer(async () => {
      await answering.promise;
      return { status: 307, lines: [`location: ${allowed.origin}/`] };
    });
    await serve(own("express"), async () => {
      const answer = fetch(slow.origin, { headers: { baggage: `user=1,${own("stale")}` } });
      while (slow.requests.length === 0) await new Promise(setImmediate);
      outgoing[Symbol.dispose]();
      answering.resolve();
      await (await answer).text();
    });
    expect(arrivals(slow)).toEqual([["user=1"]]);
    expect(arrivals(allowed)).toEqual([["user=1"]]);
    await close();
    await slow.close();
  });

  test.each(undiciMajors)("OG-11 $name: what waits in a pool when it is closed leaves as it is", async ({ undici }) => {
    const { experiments, serve, close } = await openStage({ propagateTo: [allowed.origin] });
    instrumentOutgoing(experiments);
    const pool = new undici.Pool(allowed.origin, { connections: 1 });
    await serve(own("express"), async () => {
      const answers = [1, 2, 3].map(async () =>
        (await undici.request(allowed.origin, { dispatcher: pool, headers: { baggage: "user=1" } })).body.dump(),
      );
      await experiments.close();
      await Promise.all(answers);
    });
    expect(
      arrivals(allowed)
        .flat()
        .filter((line) => !line.startsWith("user=1")),
    ).toEqual([]);
    expect(arrivals(allowed)).toHaveLength(3);
    await pool.close();
    await close();
  });
});

/** Two instances on one request, the first one outside. */
async function withTwo(
  use: (both: { first: Experiments; second: Experiments; serve<T>(fn: () => Promise<T>): Promise<T> }) => Promise<void>,
): Promise<void> {
  const first = createExperiments({ trustInbound: true, prefix: "one.", propagateTo: [allowed.origin] });
  const second = createExperiments({
    trustInbound: true,
    prefix: "two.",
    propagateTo: [allowed.origin, denied.origin],
  });
  const service = await startScopedService((listener) => nodeExperiments(first, nodeExperiments(second, listener)));
  await use({ first, second, serve: (fn) => service.serve([`baggage: ${ONE},${TWO}`], fn) });
  await service.close();
  await first.close();
  await second.close();
}

const ONE = own("express", "one.");
const TWO = own("control", "two.");

const askBoth = async (fetchOnce: typeof fetch = fetch): Promise<void> => {
  for (const { origin } of servers) await (await fetchOnce(origin)).text();
};

describe("two instances in one process", () => {
  test("OG-20 the one that is instrumented writes, and the other does not", async () => {
    await withTwo(async ({ first, second, serve }) => {
      const outgoing = instrumentOutgoing(first);
      await serve(() => askBoth());
      expect(servers.map(arrivals)).toEqual([[[ONE]], [[]]]);
      outgoing[Symbol.dispose]();
      for (const server of servers) server.clear();
      instrumentOutgoing(second);
      await serve(() => askBoth());
      expect(servers.map(arrivals)).toEqual([[[TWO]], [[TWO]]]);
    });
  });

  test("OG-21 where both are, each writes where it may, in one line", async () => {
    await withTwo(async ({ first, second, serve }) => {
      instrumentOutgoing(first);
      instrumentOutgoing(second);
      await serve(() => askBoth());
      expect(servers.map(arrivals)).toEqual([[[`${ONE},${TWO}`]], [[TWO]]]);
    });
  });

  test.each(["first", "second"] as const)(
    "OG-22 a client that the %s wraps passes on what the other knows too",
    async (name) => {
      await withTwo(async (both) => {
        instrumentOutgoing(name === "first" ? both.second : both.first);
        await both.serve(() => askBoth(experimentFetch(both[name])));
        const line = name === "first" ? `${TWO},${ONE}` : `${ONE},${TWO}`;
        expect(servers.map(arrivals)).toEqual([[[line]], [[TWO]]]);
      });
    },
  );

  test("OG-25 what a wrapped client wrote for both outweighs the context that an interceptor dispatches in", async () => {
    await withTwo(async ({ first, second, serve }) => {
      instrumentOutgoing(first);
      instrumentOutgoing(second);
      const other = await serve(async () => {
        second.record("search", "bm25");
        return new AsyncResource("another request");
      });
      const agent = new Agent();
      const dispatcher = agent.compose(
        (dispatch) => (dispatched, handler) => other.runInAsyncScope(() => dispatch(dispatched, handler)),
        experimentInterceptor(first),
      );
      const init: object = { dispatcher };
      await serve(async () => (await undiciFetch(allowed.origin, init)).text());
      expect(arrivals(allowed)).toEqual([[`${TWO},${ONE}`]]);
      await agent.close();
    });
  });

  test("OG-23 what one of them lets no foreign baggage do, the other does not let it do either", async () => {
    const { experiments, serve, close } = await openStage(options);
    const strict = createExperiments({ trustInbound: true, prefix: "two.", foreignBaggage: "allowed-only" });
    instrumentOutgoing(experiments);
    await serve(own("express"), async () => {
      await (await fetch(allowed.origin, { headers: { baggage: "user=1" } })).text();
    });
    expect(arrivals(allowed)).toEqual([[own("express")]]);
    await strict.close();
    await close();
  });

  test("OG-24 two copies of the package: one's instrumentOutgoing is as good as the other's", async () => {
    const { experiments, serve, close } = await openStage(options);
    vi.resetModules();
    const copy = await import("otel-experiments/outgoing");
    const { createExperiments: createOthers } = await import("otel-experiments");
    expect(copy.instrumentOutgoing).not.toBe(instrumentOutgoing);
    const others = createOthers({ trustInbound: true, prefix: "two." });
    const first = copy.instrumentOutgoing(experiments);
    const second = instrumentOutgoing(experiments);
    await serve(own("express"), () => callAll(allowed.origin));
    first[Symbol.dispose]();
    await serve(own("express"), () => callAll(allowed.origin));
    second[Symbol.dispose]();
    await serve(own("express"), () => callAll(allowed.origin));
    expect(arrivals(allowed)).toEqual([...written, ...written, ...bare]);
    await others.close();
    await close();
  });
});

describe("what it does not reach", () => {
  test("OG-30 a MockAgent sees what it would see without us, and what it lets through is written", async () => {
    const { experiments, serve, close } = await openStage(options);
    instrumentOutgoing(experiments);
    const seen: unknown[] = [];
    const agent = new MockAgent();
    agent.enableNetConnect();
    agent
      .get(allowed.origin)
      .intercept({ path: "/mocked" })
      .reply(200, ({ headers }) => {
        seen.push(headers);
        return "mocked";
      });
    await serve(own("express"), async () => {
      const { body } = await request(`${allowed.origin}/mocked`, { dispatcher: agent, headers: { "x-one": "1" } });
      expect(await body.text()).toBe("mocked");
      await (await request(`${allowed.origin}/through`, { dispatcher: agent })).body.dump();
    });
    expect(seen).toEqual([{ "x-one": "1" }]);
    expect(arrivals(allowed)).toEqual([[own("express")]]);
    await agent.close();
    await close();
  });

  test("OG-31 each hop of a redirect is judged by where it goes", async () => {
    const { experiments, serve, close } = await openStage(options);
    instrumentOutgoing(experiments);
    await serve(own("express"), async () => {
      await (await fetch(`${allowed.origin}${go(302, `${denied.origin}${go(307, `${allowed.origin}/`)}`)}`)).text();
    });
    expect(servers.map(arrivals)).toEqual([[[own("express")], [own("express")]], [[]]]);
    await close();
  });
});
