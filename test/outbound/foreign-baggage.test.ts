import http from "node:http";
import { experimentFetch } from "otel-experiments/fetch";
import { experimentInterceptor } from "otel-experiments/undici";
import { request } from "undici";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { SHOWS_DESTINATION } from "../support/clients/node-http.ts";
import { undiciMajors } from "../support/clients/undici-majors.ts";
import { startNetwork } from "../support/network.ts";
import { arrivals, go, openStage, own, startRedirectingServer } from "../support/service-stage.ts";

const allowed = await startRedirectingServer();
const denied = await startRedirectingServer();
const network = await startNetwork();
const { experiments, serve, close } = await openStage({
  propagateTo: [allowed.origin, network.server.origin],
  foreignBaggage: "allowed-only",
});
const fetchWithExperiments = experimentFetch(experiments);
const headers = { baggage: "user=1;p=2", "x-one": "1" };

afterEach(() => {
  allowed.clear();
  denied.clear();
  network.server.clear();
});

afterAll(async () => {
  await close();
  await allowed.close();
  await denied.close();
  await network.close();
});

function get(url: string, options: http.RequestOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    http.get(url, options, (response) => response.resume().on("end", resolve)).on("error", reject);
  });
}

describe('foreignBaggage: "allowed-only"', () => {
  test("OUT-F1 the others' members go where own ones may, with own ones and without", async () => {
    await serve(own("express"), () => fetchWithExperiments(`${allowed.origin}/`, { headers }));
    await serve("", () => fetchWithExperiments(`${allowed.origin}/`, { headers }));
    await fetch(`${allowed.origin}/`, { headers });
    expect(arrivals(allowed)).toEqual([[`user=1;p=2,${own("express")}`], ["user=1;p=2"], ["user=1;p=2"]]);
  });

  test("OUT-F7 so they do by node:http, if it shows where it goes", async () => {
    await get(`${allowed.origin}/`, { headers });
    expect(arrivals(allowed)).toEqual([SHOWS_DESTINATION ? ["user=1;p=2"] : []]);
  });

  test("OUT-F2 they go nowhere else, by whichever client", async () => {
    await serve(own("express"), () => fetchWithExperiments(`${denied.origin}/`, { headers }));
    await serve("", () => fetchWithExperiments(`${denied.origin}/`, { headers }));
    await fetch(`${denied.origin}/`, { headers });
    await get(`${denied.origin}/`, { headers });
    await get(`${denied.origin}/`, { headers: ["baggage", "user=1", "x-one", "1"] });
    for (const { undici } of undiciMajors) {
      const dispatcher = new undici.Agent();
      await (await undici.request(denied.origin, { dispatcher, headers: ["Baggage", "user=1"] })).body.dump();
      await dispatcher.close();
    }
    expect(arrivals(denied)).toEqual(Array.from({ length: 8 }, () => []));
    expect(denied.requests.slice(0, 5).every(({ lines }) => lines.some((line) => /^x-one: ?1$/i.test(line)))).toBe(
      true,
    );
  });

  test("OUT-F3 each hop of a redirect is judged by itself", async () => {
    const there = `${allowed.origin}${go(302, `${denied.origin}${go(307, `${allowed.origin}/`)}`)}`;
    await serve(own("express"), () => fetchWithExperiments(there, { headers }));
    expect(arrivals(allowed)).toEqual([[`user=1;p=2,${own("express")}`], [`user=1;p=2,${own("express")}`]]);
    expect(arrivals(denied)).toEqual([[]]);
  });

  test("OUT-F4 they go nowhere where the destination cannot be seen", async () => {
    await get(network.server.origin, { headers, socketPath: network.socketPath });
    expect(network.server.requests).toHaveLength(1);
    expect(arrivals(network.server)).toEqual([[]]);
  });

  test("OUT-F5 an interceptor takes them off the second hop too", async () => {
    for (const { undici } of undiciMajors) {
      const agent = new undici.Agent();
      const dispatcher = agent.compose(
        undici.interceptors.redirect({ maxRedirections: 2 }),
        experimentInterceptor(experiments),
      );
      const url = `${allowed.origin}${go(302, denied.origin)}`;
      await serve(own("express"), async () => (await undici.request(url, { dispatcher, headers })).body.dump());
      await agent.close();
    }
    expect(arrivals(allowed)).toEqual(undiciMajors.map(() => [`user=1;p=2,${own("express")}`]));
    expect(arrivals(denied)).toEqual(undiciMajors.map(() => []));
  });
});

describe("an instance that lets the others' baggage go everywhere, beside one that does not", () => {
  test("OUT-F6 the client of each keeps its own rule, and a client of neither keeps the stricter one", async () => {
    const open = await openStage({ propagateTo: [allowed.origin], prefix: "other." });
    const fetchOpenly = experimentFetch(open.experiments);
    await open.serve(own("express", "other."), () => fetchOpenly(`${denied.origin}/`, { headers }));
    await serve(own("express"), () => fetchWithExperiments(`${denied.origin}/`, { headers }));
    await (await request(denied.origin, { headers })).body.dump();
    await open.close();
    expect(arrivals(denied)).toEqual([["user=1;p=2"], [], []]);
  });
});
