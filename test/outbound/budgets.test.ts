import { metrics } from "@opentelemetry/api";
import {
  AggregationTemporality,
  DataPointType,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import nodeFetch from "node-fetch";
import { experimentFetch } from "otel-experiments/fetch";
import { experimentInterceptor } from "otel-experiments/undici";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { SHOWS_DESTINATION } from "../support/clients/node-http.ts";
import { undiciMajors } from "../support/clients/undici-majors.ts";
import { arrivals, go, openStage, own, startRedirectingServer } from "../support/service-stage.ts";

const exporter = new InMemoryMetricExporter(AggregationTemporality.DELTA);
const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
const provider = new MeterProvider({ readers: [reader] });
metrics.setGlobalMeterProvider(provider);

const allowed = await startRedirectingServer();
const denied = await startRedirectingServer();
const { experiments, serve, close } = await openStage({ primary: "checkout", propagateTo: [allowed.origin] });
const fetchWithExperiments = experimentFetch(experiments);

beforeEach(async () => {
  await collected();
  allowed.clear();
  denied.clear();
});

afterAll(async () => {
  await close();
  await allowed.close();
  await denied.close();
  await provider.shutdown();
});

interface Measured {
  readonly attributes: object;
  readonly value: unknown;
}

/** What was measured since the last time, by the name of the instrument. */
async function collected(): Promise<ReadonlyMap<string, readonly Measured[]>> {
  await reader.forceFlush();
  const found = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics));
  exporter.reset();
  return new Map(
    found.map((metric) => [
      metric.descriptor.name,
      metric.dataPointType === DataPointType.HISTOGRAM
        ? metric.dataPoints.map(({ attributes, value: { count, sum } }) => ({ attributes, value: { count, sum } }))
        : metric.dataPoints.map(({ attributes, value }) => ({ attributes, value })),
    ]),
  );
}

function experiment(key: string, bytes: number, forced = false): string {
  const fields = [
    `experiment.${key}.variant=v`,
    `experiment.${key}.id=`,
    ...(forced ? [`experiment.${key}.forced=1`] : []),
  ];
  const room = bytes - fields.join(",").length;
  fields[1] += "i".repeat(room);
  return fields.join(",");
}

function foreign(bytes: number): string {
  return `user=${"u".repeat(bytes - "user=".length)}`;
}

function sent(): readonly string[] {
  return arrivals(allowed).map(([line = ""]) => line);
}

describe("the room that own members have", () => {
  test("OUT-B1 is what the others' leave of 8192 bytes, to the byte", async () => {
    const room = own("express").length + 1;
    for (const bytes of [8192 - room - 1, 8192 - room, 8192 - room + 1, 8192, 9000]) {
      const headers = { baggage: foreign(bytes) };
      await serve(own("express"), () => fetchWithExperiments(allowed.origin, { headers }));
    }
    const [less = "", exact = "", over, full, more] = sent();
    expect(less.endsWith(own("express"))).toBe(true);
    expect(exact.endsWith(own("express"))).toBe(true);
    expect(exact).toHaveLength(8192);
    expect([over, full, more]).toEqual([foreign(8192 - room + 1), foreign(8192), foreign(9000)]);
  });

  test("OUT-B2 is for whole experiments: the primary first, then what is forced, then the rest", async () => {
    const rest = experiment("a", 90);
    const forced = experiment("z", 90, true);
    const baggage = [rest, forced, own("express")].join(",");
    const lengths = [own("express").length, 90, 90].map((bytes) => bytes + 1);
    const rooms = [0, 1, 2, 3].map((n) => lengths.slice(0, n).reduce((sum, bytes) => sum + bytes, 0));
    for (const room of rooms) {
      const headers = { baggage: foreign(8192 - room) };
      await serve(baggage, () => fetchWithExperiments(allowed.origin, { headers }));
    }
    const kept = sent().map((line) => line.replace(/^user=u+,?/, ""));
    const order = [own("express"), forced, rest];
    expect(kept).toEqual([0, 1, 2, 3].map((n) => order.slice(0, n).join(",")));
  });

  test("OUT-B3 is 4096 bytes at most, and 64 experiments", async () => {
    const long = Array.from({ length: 60 }, (_, i) => experiment(`k${i}`, 100)).join(",");
    const many = Array.from({ length: 70 }, (_, i) => `experiment.k${i}.variant=v`).join(",");
    for (const baggage of [long, many]) {
      await serve(baggage, () => fetchWithExperiments(allowed.origin));
    }
    const [bounded = "", counted = ""] = sent();
    expect(bounded.length).toBeLessThanOrEqual(4096);
    expect(bounded.length).toBeGreaterThan(4096 - 102);
    expect(bounded.split(",").length % 2).toBe(0);
    expect(counted.split(",")).toHaveLength(64);
    const rejections = (await collected()).get("experiment.baggage.rejections");
    expect(rejections).toEqual([{ attributes: { reason: "over_limit" }, value: expect.any(Number) }]);
  });

  test("OUT-B4 the others' members are never cut and never left out, whoever writes them", async () => {
    for (const { undici } of undiciMajors) {
      const agent = new undici.Agent();
      const dispatcher = agent.compose(experimentInterceptor(experiments));
      const headers = ["baggage", foreign(8100), "baggage", `last=${"l".repeat(200)}`];
      await serve(own("express"), async () =>
        (await undici.request(allowed.origin, { dispatcher, headers })).body.dump(),
      );
      await agent.close();
    }
    const whole = `${foreign(8100)},last=${"l".repeat(200)}`;
    expect(sent().every((line) => line === whole)).toBe(true);
    expect(sent()).toHaveLength(undiciMajors.length);
  });
});

describe("experiment.baggage.size", () => {
  const bytes = own("express").length;

  test("OUT-B5 has the bytes of own members that were sent, once for each request that has some", async () => {
    const headers = { baggage: "user=1" };
    const carriers = SHOWS_DESTINATION ? 2 : 1;
    // why: node-fetch's types are its own
    const overHttp = experimentFetch(experiments, nodeFetch as unknown as typeof fetch);
    await serve(own("express"), async () => {
      await fetchWithExperiments(allowed.origin, { headers });
      await overHttp(allowed.origin, { headers });
      await fetchWithExperiments(denied.origin, { headers });
    });
    expect((await collected()).get("experiment.baggage.size")).toEqual([
      { attributes: {}, value: { count: carriers, sum: carriers * bytes } },
    ]);
  });

  test("OUT-B6 has each hop and each attempt that carries some", async () => {
    const url = `${allowed.origin}${go(302, `${denied.origin}${go(302, `${allowed.origin}/`)}`)}`;
    await serve(own("express"), () => fetchWithExperiments(url));
    expect((await collected()).get("experiment.baggage.size")).toEqual([
      { attributes: {}, value: { count: 2, sum: 2 * bytes } },
    ]);
  });

  test("OUT-B7 has nothing of requests without own members", async () => {
    const headers = { baggage: `user=1,${own("express")}` };
    await fetch(allowed.origin, { headers });
    await serve("", () => fetchWithExperiments(allowed.origin, { headers }));
    await serve(own("express"), () => fetchWithExperiments(allowed.origin, { headers: { baggage: foreign(8192) } }));
    expect((await collected()).get("experiment.baggage.size") ?? []).toEqual([]);
  });

  test("OUT-B8 has what is left where some had no room", async () => {
    const rest = experiment("a", 90);
    const headers = { baggage: foreign(8192 - bytes - 1) };
    await serve(`${rest},${own("express")}`, () => fetchWithExperiments(allowed.origin, { headers }));
    expect((await collected()).get("experiment.baggage.size")).toEqual([
      { attributes: {}, value: { count: 1, sum: bytes } },
    ]);
  });

  test("OUT-B9 is in bytes, and its buckets are advised", async () => {
    await serve(own("express"), () => fetchWithExperiments(allowed.origin));
    await reader.forceFlush();
    const metric = exporter
      .getMetrics()
      .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics))
      .find(({ descriptor }) => descriptor.name === "experiment.baggage.size");
    expect(metric?.descriptor.unit).toBe("By");
    expect(metric?.dataPoints[0]?.value).toMatchObject({
      buckets: { boundaries: [64, 128, 256, 512, 1024, 2048, 4096] },
    });
  });
});

test("OUT-B10 what has no room beside the others' baggage is counted", async () => {
  await serve(own("express"), () => fetchWithExperiments(allowed.origin, { headers: { baggage: foreign(8185) } }));
  expect((await collected()).get("experiment.baggage.rejections")).toEqual([
    { attributes: { reason: "over_limit" }, value: 2 },
  ]);
});
