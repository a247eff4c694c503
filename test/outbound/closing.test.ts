import diagnosticsChannel from "node:diagnostics_channel";
import http from "node:http";
import { createExperiments } from "otel-experiments";
import { experimentFetch } from "otel-experiments/fetch";
import { experimentInterceptor } from "otel-experiments/undici";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { startWireServer, type WireServer } from "../../testing/wire/server.ts";
import type { Interceptor } from "../support/clients/undici.ts";
import { undiciMajors } from "../support/clients/undici-majors.ts";
import { arrivals, go, openStage, own, startRedirectingServer } from "../support/service-stage.ts";

const CHANNELS = ["undici:request:create", "http.client.request.created"] as const;

const allowed = await startRedirectingServer();
const denied = await startRedirectingServer();
const options = { trustInbound: true, propagateTo: [allowed.origin] } as const;

/** A server that answers once the gate is open, `/hop/…` with a redirect to what follows. */
const gate: { open: () => void; wait: Promise<void> } = { open: () => undefined, wait: Promise.resolve() };
const gated = await startWireServer(async ({ start }) => {
  await gate.wait;
  const path = start.split(" ")[1] ?? "";
  return path.startsWith("/hop/") ? { status: 307, lines: [`location: ${path.slice("/hop".length)}`] } : {};
});

function shut(): void {
  const { promise, resolve } = Promise.withResolvers<void>();
  gate.wait = promise;
  gate.open = resolve;
}

function ticketsOf(from: WireServer): readonly string[] {
  return arrivals(from)
    .flat()
    .filter((line) => line.includes("ticket"));
}

afterEach(() => {
  allowed.clear();
  denied.clear();
  gated.clear();
});

afterAll(async () => {
  await allowed.close();
  await denied.close();
  await gated.close();
});

function subscribed(): readonly boolean[] {
  return CHANNELS.map((channel) => diagnosticsChannel.hasSubscribers(channel));
}

describe("the process-wide stop", () => {
  test("OUT-C1 stands from the first instance on, until the last one is closed", async () => {
    expect(subscribed()).toEqual([false, false]);
    const first = createExperiments(options);
    expect(subscribed()).toEqual([true, true]);
    const second = createExperiments({ ...options, prefix: "two." });
    await first.close();
    expect(subscribed()).toEqual([true, true]);
    await second.close();
    expect(subscribed()).toEqual([false, false]);
  });

  test("OUT-C2 is counted by instances, and not by calls of close", async () => {
    const first = createExperiments(options);
    const second = createExperiments(options);
    await first.close();
    await first.close();
    await Promise.all([first.close(), first.close()]);
    expect(subscribed()).toEqual([true, true]);
    await second.close();
    expect(subscribed()).toEqual([false, false]);
  });

  test("OUT-C3 comes back with the next instance", async () => {
    await createExperiments(options).close();
    const next = createExperiments(options);
    expect(subscribed()).toEqual([true, true]);
    await fetch(denied.origin, { headers: { baggage: `user=1,${own("express")}` } });
    await next.close();
    expect(arrivals(denied)).toEqual([["user=1"]]);
  });

  test("OUT-C4 leaves others' subscriptions alone", async () => {
    let seen = 0;
    const count = (): void => void seen++;
    for (const channel of CHANNELS) diagnosticsChannel.subscribe(channel, count);
    const experiments = createExperiments(options);
    await fetch(denied.origin);
    await experiments.close();
    await fetch(denied.origin);
    expect(subscribed()).toEqual([true, true]);
    expect(seen).toBe(2);
    for (const channel of CHANNELS) diagnosticsChannel.unsubscribe(channel, count);
  });

  test("OUT-C5 is over once it is closed, for the members of nobody are own then", async () => {
    await createExperiments(options).close();
    await fetch(denied.origin, { headers: { baggage: own("express") } });
    expect(arrivals(denied)).toEqual([[own("express")]]);
  });
});

describe("a request that is under way when its experiments are closed", () => {
  test("OUT-C6 by fetch: the hops that follow are still judged, and then the stop is over", async () => {
    const { experiments, serve, close } = await openStage(options);
    const answering = Promise.withResolvers<void>();
    const slow = await startWireServer(async () => {
      await answering.promise;
      return { status: 307, lines: [`location: ${allowed.origin}${go(302, `${denied.origin}/`)}`] };
    });
    const fetchWithExperiments = experimentFetch(experiments);
    await serve(own("express"), async () => {
      const answer = fetchWithExperiments(slow.origin, { headers: { baggage: "user=1" } });
      while (slow.requests.length === 0) await new Promise(setImmediate);
      await experiments.close();
      await experiments.close();
      expect(subscribed()).toEqual([true, true]);
      answering.resolve();
      await answer;
    });
    expect(subscribed()).toEqual([false, false]);
    expect(arrivals(allowed)).toEqual([[`user=1,${own("express")}`]]);
    expect(arrivals(denied)).toEqual([["user=1"]]);
    await close();
    await slow.close();
  });

  test("OUT-C7 by fetch: it holds the stop up also where it fails", async () => {
    const { experiments, serve, close } = await openStage(options);
    const silent = await startWireServer(() => new Promise(() => undefined));
    await serve(own("express"), async () => {
      const stopping = new AbortController();
      const answer = experimentFetch(experiments)(silent.origin, { signal: stopping.signal });
      while (silent.requests.length === 0) await new Promise(setImmediate);
      await experiments.close();
      expect(subscribed()).toEqual([true, true]);
      stopping.abort();
      await expect(answer).rejects.toThrow("aborted");
    });
    expect(subscribed()).toEqual([false, false]);
    await close();
    await silent.close();
  });

  test.each(undiciMajors)(
    "OUT-C12 by $name: it holds the stop up as long as it takes, and not longer where it fails",
    async (major) => {
      const { undici } = major;
      const { experiments, serve, close } = await openStage(options);
      const gone = await startWireServer();
      await gone.close();
      const silent = await startWireServer(() => new Promise(() => undefined));
      const agent = new undici.Agent();
      const dispatcher = agent.compose(experimentInterceptor(experiments));
      await serve(own("express"), async () => {
        await expect(undici.request(gone.origin, { dispatcher })).rejects.toThrow("ECONNREFUSED");
        await (await undici.request(allowed.origin, { dispatcher })).body.dump();
        const stopping = new AbortController();
        const answer = undici.request(silent.origin, { dispatcher, signal: stopping.signal });
        while (silent.requests.length === 0) await new Promise(setImmediate);
        await experiments.close();
        expect(subscribed()).toEqual([true, true]);
        stopping.abort();
        await expect(answer).rejects.toThrow("aborted");
      });
      expect(subscribed()).toEqual([false, false]);
      await agent.destroy();
      await close();
      await silent.close();
    },
  );

  test("OUT-C8 a request that begins behind it is made as it is", async () => {
    const { experiments, serve, close } = await openStage(options);
    const fetchWithExperiments = experimentFetch(experiments);
    await serve(own("express"), async () => {
      await experiments.close();
      await fetchWithExperiments(allowed.origin, { headers: { baggage: "user=1" } });
      for (const { undici } of undiciMajors) {
        const dispatcher = new undici.Agent().compose(experimentInterceptor(experiments));
        await (await undici.request(allowed.origin, { dispatcher })).body.dump();
        await dispatcher.close();
      }
      await new Promise((resolve) => {
        http.get(allowed.origin, (response) => response.resume().on("end", resolve));
      });
    });
    expect(arrivals(allowed)).toEqual([["user=1"], [], [], [], []]);
    await close();
  });
});

describe.each(undiciMajors)("requests of $name that are under way when their experiments are closed", ({ undici }) => {
  test("OUT-C9 those that wait for a connection show no ticket", async () => {
    shut();
    const { experiments, serve, close } = await openStage({ propagateTo: [gated.origin] });
    const pool = new undici.Pool(gated.origin, { connections: 1 });
    const dispatcher = pool.compose(experimentInterceptor(experiments));
    await serve(own("express"), async () => {
      const answers = [1, 2, 3].map(async (i) =>
        (await undici.request(`${gated.origin}/${i}`, { dispatcher })).body.dump(),
      );
      while (gated.requests.length === 0) await new Promise(setImmediate);
      await experiments.close();
      gate.open();
      await Promise.all(answers);
    });
    await pool.close();
    await close();
    expect(ticketsOf(gated)).toEqual([]);
  });

  const orders = [
    ["outside", (ours: Interceptor, redirect: Interceptor) => [redirect, ours]],
    ["inside", (ours: Interceptor, redirect: Interceptor) => [ours, redirect]],
  ] as const;

  test.each(orders)("OUT-C10 the hops that follow show no ticket, ours %s of redirect", async (_name, order) => {
    shut();
    const { experiments, serve, close } = await openStage({ propagateTo: [gated.origin] });
    const agent = new undici.Agent();
    const redirect = undici.interceptors.redirect({ maxRedirections: 3 });
    const dispatcher = agent.compose(order(experimentInterceptor(experiments), redirect));
    await serve(own("express"), async () => {
      const answer = undici.request(`${gated.origin}/hop/hop/x`, { dispatcher });
      while (gated.requests.length === 0) await new Promise(setImmediate);
      await experiments.close();
      gate.open();
      await (await answer).body.dump();
    });
    await agent.close();
    await close();
    expect(gated.requests).toHaveLength(3);
    expect(ticketsOf(gated)).toEqual([]);
  });
});
