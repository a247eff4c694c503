import { SpanStatusCode } from "@opentelemetry/api";
import { experimentFetch } from "otel-experiments/fetch";
import { experimentInterceptor } from "otel-experiments/undici";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { undiciMajors } from "../../support/clients/undici-majors.ts";
import { go, openStage, own, startRedirectingServer } from "../../support/service-stage.ts";
import { startClientTelemetry, traceparentOf, traceparents } from "./client-telemetry.ts";

const telemetry = startClientTelemetry();
const server = await startRedirectingServer();
const { experiments, serve, close } = await openStage({ propagateTo: [server.origin] });

afterEach(() => {
  server.clear();
  telemetry.exporter.reset();
});

afterAll(async () => {
  await close();
  await server.close();
});

/** A kind of client that makes spans. */
interface Client {
  readonly name: string;
  get(url: string, headers?: Record<string, string>): Promise<unknown>;
}

const fetchWithSpans = experimentFetch(experiments, { spans: true });

const clients: readonly Client[] = [
  {
    name: "the built-in fetch",
    get: async (url, headers = {}) => (await fetchWithSpans(url, { headers })).text(),
  },
  ...undiciMajors.flatMap(({ name, undici }): readonly Client[] => {
    const redirect = undici.interceptors.redirect({ maxRedirections: 3 });
    const ours = experimentInterceptor(experiments, { spans: true });
    const outermost = new undici.Agent().compose(redirect, ours);
    const inside = new undici.Agent().compose(ours, redirect);
    // why: undici's types of fetch are its own, and nearly those of the built-in one
    const wrapped = experimentFetch(experiments, undici.fetch as unknown as typeof fetch, { spans: true });
    return [
      { name: `${name} fetch`, get: async (url, headers = {}) => (await wrapped(url, { headers })).text() },
      {
        name: `${name} request`,
        get: async (url, headers = {}) => (await undici.request(url, { dispatcher: outermost, headers })).body.dump(),
      },
      {
        name: `${name} request, inside of redirect`,
        get: async (url, headers = {}) => (await undici.request(url, { dispatcher: inside, headers })).body.dump(),
      },
    ];
  }),
];

describe.each(clients)("CLIENT spans of $name", ({ get }) => {
  test("CS-01 one for a request, under the span of its call, by the conventions", async () => {
    await telemetry.within("call", () => get(`${server.origin}/x?y=1`));
    const [span, ...others] = await telemetry.ended(1);
    const call = telemetry.exporter.getFinishedSpans().find(({ name }) => name === "call");
    expect(others).toEqual([]);
    expect(span?.name).toBe("GET");
    expect(span?.parentSpanContext?.spanId).toBe(call?.spanContext().spanId);
    expect(span?.attributes).toEqual({
      "http.request.method": "GET",
      "server.address": "127.0.0.1",
      "server.port": server.port,
      "url.full": `${server.origin}/x?y=1`,
      "network.protocol.version": "1.1",
      "http.response.status_code": 200,
    });
    expect(span?.status).toEqual({ code: SpanStatusCode.UNSET });
    expect(traceparents(server.requests)).toEqual([[span === undefined ? "" : traceparentOf(span)]]);
  });

  test("CS-02 one for each hop of a redirect, siblings under the span of the call", async () => {
    await telemetry.within("call", () => get(`${server.origin}${go(307, `${server.origin}/there`)}`));
    const spans = await telemetry.ended(2);
    const call = telemetry.exporter.getFinishedSpans().find(({ name }) => name === "call");
    expect(spans.map(({ attributes }) => attributes["http.request.resend_count"])).toEqual([undefined, 1]);
    expect(spans.map(({ attributes }) => attributes["http.response.status_code"])).toEqual([307, 200]);
    expect(spans.map(({ parentSpanContext }) => parentSpanContext?.spanId)).toEqual(
      Array.from({ length: 2 }, () => call?.spanContext().spanId),
    );
    expect(traceparents(server.requests)).toEqual(spans.map((span) => [traceparentOf(span)]));
  });

  test("CS-03 the duration has the variant of the request that is served, and none outside of one", async () => {
    await telemetry.durations();
    await get(server.origin);
    await serve(own("express"), () => get(server.origin));
    await serve("", () => get(server.origin));
    await telemetry.ended(3);
    const required = {
      "http.request.method": "GET",
      "server.address": "127.0.0.1",
      "server.port": server.port,
      "http.response.status_code": 200,
    };
    const durations = await telemetry.durations();
    expect(durations).toHaveLength(3);
    expect(durations).toEqual(
      expect.arrayContaining([
        { attributes: required, count: 1 },
        { attributes: { ...required, "experiment.variant": "none" }, count: 1 },
        {
          attributes: { ...required, "experiment.id": "checkout_1", "experiment.variant": "express" },
          count: 1,
        },
      ]),
    );
  });

  test("CS-04 a traceparent of the caller's is replaced where it stands, and its tracestate goes", async () => {
    const headers = {
      "x-one": "1",
      traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01`,
      tracestate: "v=1",
      "x-two": "2",
    };
    await get(server.origin, headers);
    const [span] = await telemetry.ended(1);
    const lines = server.requests.flatMap((request) => request.lines);
    const names = lines.map((line) => line.split(":")[0]?.toLowerCase());
    expect(names.filter((name) => ["x-one", "traceparent", "tracestate", "x-two"].includes(name ?? ""))).toEqual([
      "x-one",
      "traceparent",
      "x-two",
    ]);
    expect(traceparents(server.requests)).toEqual([[span === undefined ? "" : traceparentOf(span)]]);
  });
});
