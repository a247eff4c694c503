import {
  type Span as ApiSpan,
  type Attributes,
  context,
  metrics,
  propagation,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import { MeterProvider, type MetricData } from "@opentelemetry/sdk-metrics";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { createExperiments, type Experiments } from "otel-experiments";
import type { InboundExchange, InboundHarness } from "otel-experiments/testing";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { send, WireConnection, type WireRequest } from "../../../testing/wire/client.ts";
import { REDESIGN } from "../../support/experiments.ts";
import { PointReader, pointsOf } from "../../support/points.ts";
import { isServerSpan, type Tracing } from "../../support/tracing.ts";

type Checkout = Experiments<typeof REDESIGN>;
type Handler = (exchange: InboundExchange, experiments: Checkout) => unknown;

const DURATION = "http.server.request.duration";
const EXPRESS_PAIR = { "experiment.id": "checkout_redesign_2026q1", "experiment.variant": "express" };
const VARIANT = "baggage: experiment.checkout.variant=express,user=1";
const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";
const PARENT_ID = "b7ad6b7169203331";

/** The metrics of one test, read when its requests are over. */
class Durations {
  readonly #reader = new PointReader();

  constructor() {
    metrics.disable();
    metrics.setGlobalMeterProvider(new MeterProvider({ readers: [this.#reader] }));
  }

  async metric(): Promise<MetricData | undefined> {
    return (await this.#reader.metrics()).get(DURATION);
  }

  /** The attributes of each series, without the route, and how often it was recorded. */
  async series(): Promise<readonly { readonly attributes: Attributes; readonly count: number }[]> {
    const metric = await this.metric();
    return metric === undefined ? [] : pointsOf(metric).map(({ attributes, count }) => ({ attributes, count }));
  }
}

function withoutRoute({ "http.route": _route, ...attributes }: Attributes): Attributes {
  return attributes;
}

/** What holds of a server span of ours on every adapter, beside what holds of every server span. */
export function describeCreatedSpans(tracing: Tracing, harnesses: readonly InboundHarness[]): void {
  let durations: Durations;

  beforeEach(() => {
    tracing.clear();
    durations = new Durations();
  });
  afterAll(async () => {
    metrics.disable();
    await tracing.stop();
  });

  describe.each(harnesses)("the server span that we make on $name", (harness) => {
    async function serving<T>(handler: Handler, use: (port: number, experiments: Checkout) => Promise<T>): Promise<T> {
      const experiments = createExperiments({ experiments: REDESIGN, trustInbound: true, strict: false });
      const server = await harness.serve({
        mount: [experiments],
        handler: (exchange) => handler(exchange, experiments),
      });
      try {
        return await use(server.port, experiments);
      } finally {
        await server.close();
        await experiments.close();
      }
    }

    /** Serves one request, and gives back its one SERVER span. */
    async function spanOf(
      request: WireRequest,
      handler: Handler = ({ reply }) => reply(200, "ok"),
    ): Promise<ReadableSpan> {
      return serving(handler, async (port) => {
        await send(port, request);
        const [span, ...more] = await tracing.serverSpans(1);
        if (span === undefined || more.length > 0) throw new Error(`${more.length + 1} SERVER spans instead of one`);
        return span;
      });
    }

    test("CSS-01 describes the request as the conventions do", async () => {
      const span = await spanOf({ path: "/a/b?q=1&sig=secret", lines: ["user-agent: wire/1", "x-other: 1"] });
      const { "network.peer.port": port, ...attributes } = withoutRoute(span.attributes);
      expect(attributes).toEqual({
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "url.scheme": "http",
        "url.path": "/a/b",
        "url.query": "q=1&sig=REDACTED",
        "server.address": "127.0.0.1",
        "server.port": 80,
        "client.address": "127.0.0.1",
        "network.peer.address": "127.0.0.1",
        "network.protocol.version": "1.1",
        "user_agent.original": "wire/1",
      });
      expect(port).toBeTypeOf("number");
      expect(span.status.code).toBe(SpanStatusCode.UNSET);
      expect(span.instrumentationScope.name).toBe("otel-experiments");
      expect(span.parentSpanContext).toBeUndefined();
    });

    test("CSS-02 says what proxies say of the client, the host and the scheme", async () => {
      const span = await spanOf({
        lines: [
          'forwarded: for="[2001:db8::7]:4711";proto=https;host="shop.example:8443", for=10.0.0.1',
          "x-forwarded-for: 192.0.2.1",
        ],
      });
      expect(span.attributes).toMatchObject({
        "client.address": "2001:db8::7",
        "server.address": "shop.example",
        "server.port": 8443,
        "url.scheme": "https",
        "network.peer.address": "127.0.0.1",
      });
      tracing.clear();
      const older = await spanOf({
        lines: ["x-forwarded-for: 192.0.2.1:99, 10.0.0.1", "x-forwarded-host: a.example", "x-forwarded-proto: https"],
      });
      expect(older.attributes).toMatchObject({
        "client.address": "192.0.2.1",
        "server.address": "a.example",
        "server.port": 443,
        "url.scheme": "https",
      });
    });

    test("CSS-03 takes nothing else from the headers of a proxy than addresses, hosts and two schemes", async () => {
      const span = await spanOf({
        lines: ["forwarded: for=_hidden;proto=evil;host=<script>", "x-forwarded-proto: javascript"],
      });
      expect(span.attributes).toMatchObject({ "client.address": "127.0.0.1", "url.scheme": "http" });
      expect(span.attributes).not.toHaveProperty("server.address");
    });

    test("CSS-04 calls a method that is not known _OTHER", async () => {
      const span = await spanOf({ method: "PURGE" });
      expect(span.attributes).toMatchObject({
        "http.request.method": "_OTHER",
        "http.request.method_original": "PURGE",
      });
      expect(span.name).toMatch(/^HTTP($| \/)/);
      expect((await durations.series())[0]?.attributes).toMatchObject({ "http.request.method": "_OTHER" });
    });

    test("CSS-05 stands below its caller's span, in its trace", async () => {
      const span = await spanOf({ lines: [`traceparent: 00-${TRACE_ID}-${PARENT_ID}-01`, "tracestate: a=1"] });
      expect(span.spanContext().traceId).toBe(TRACE_ID);
      expect(span.parentSpanContext?.spanId).toBe(PARENT_ID);
      expect(span.spanContext().traceState?.serialize()).toBe("a=1");
    });

    test("CSS-06 is the parent of what the handler does, also in the events of request and response", async () => {
      const seen: Record<string, ApiSpan | undefined> = {};
      const closed = Promise.withResolvers<void>();
      const span = await spanOf({ method: "POST", body: "x".repeat(100) }, async ({ request, response, reply }) => {
        request.on("close", () => (seen["request close"] = trace.getActiveSpan()));
        response.on("finish", () => (seen["finish"] = trace.getActiveSpan()));
        response.on("close", () => {
          seen["close"] = trace.getActiveSpan();
          closed.resolve();
        });
        seen["handler"] = trace.getActiveSpan();
        await new Promise((resolve) => setTimeout(resolve, 1));
        trace.getTracer("test").startSpan("work").end();
        reply(200, "ok");
      });
      await closed.promise;
      const work = tracing.spans().find(({ name }) => name === "work");
      expect(work?.parentSpanContext?.spanId).toBe(span.spanContext().spanId);
      const ids = Object.entries(seen).map(([place, active]) => [place, active?.spanContext().spanId]);
      expect(Object.fromEntries(ids)).toMatchObject({
        handler: span.spanContext().spanId,
        finish: span.spanContext().spanId,
        close: span.spanContext().spanId,
      });
    });

    test("CSS-07 is no error where the client made the mistake, and one where the server did", async () => {
      const notFound = await spanOf({}, ({ reply }) => reply(404, "no"));
      expect(notFound.status.code).toBe(SpanStatusCode.UNSET);
      expect(notFound.attributes).toMatchObject({ "http.response.status_code": 404 });
      expect(notFound.attributes).not.toHaveProperty("error.type");
      tracing.clear();
      const unavailable = await spanOf({}, ({ reply }) => reply(503, "no"));
      expect(unavailable.status.code).toBe(SpanStatusCode.ERROR);
      expect(unavailable.attributes).toMatchObject({ "http.response.status_code": 503, "error.type": "503" });
      tracing.clear();
      const failed = await spanOf({}, () => {
        throw new Error("the handler failed");
      });
      expect(failed.status.code).toBe(SpanStatusCode.ERROR);
      expect(failed.attributes).toMatchObject({ "http.response.status_code": 500, "error.type": "500" });
      const errors = (await durations.series()).map(({ attributes }) => attributes["error.type"]);
      expect(errors).toEqual([undefined, "503", "500"]);
    });

    test("CSS-08 ends once where the client aborts, without a status where none was sent", async () => {
      const asked = Promise.withResolvers<void>();
      const span = await serving(
        ({ response, reply }) => {
          asked.resolve();
          response.on("close", () => reply(200, "too late"));
        },
        async (port) => {
          const connection = await WireConnection.open(port);
          connection.write(`GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n${VARIANT}\r\n\r\n`);
          await asked.promise;
          connection.close();
          await tracing.serverSpans(1);
          await new Promise((resolve) => setTimeout(resolve, 5));
          return (await tracing.serverSpans(1))[0];
        },
      );
      expect(span?.status.code).toBe(SpanStatusCode.ERROR);
      expect(span?.attributes).toMatchObject({ "error.type": "aborted", ...EXPRESS_PAIR });
      expect(span?.attributes).not.toHaveProperty("http.response.status_code");
      expect(tracing.lateWrites()).toEqual([]);
      expect((await durations.series()).map(({ attributes, count }) => [attributes["error.type"], count])).toEqual([
        ["aborted", 1],
      ]);
    });

    test("CSS-09 has the status that was sent where the connection breaks behind it", async () => {
      const started = Promise.withResolvers<void>();
      const span = await serving(
        ({ response }) => {
          response.writeHead(200, { "content-type": "text/plain" });
          response.write("half");
          started.resolve();
        },
        async (port) => {
          const connection = await WireConnection.open(port);
          connection.write("GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n");
          await started.promise;
          await new Promise((resolve) => setTimeout(resolve, 5));
          connection.close();
          return (await tracing.serverSpans(1))[0];
        },
      );
      expect(span?.attributes).toMatchObject({ "http.response.status_code": 200, "error.type": "aborted" });
      expect(span?.status.code).toBe(SpanStatusCode.ERROR);
    });

    test("CSS-10 says with what error the response was destroyed", async () => {
      const span = await serving(
        ({ response }) => {
          response.on("error", () => undefined);
          response.destroy(new RangeError("user 4711 is out of range"));
        },
        async (port) => {
          await expect(send(port)).rejects.toThrow("closed the connection");
          return (await tracing.serverSpans(1))[0];
        },
      );
      expect(span?.attributes).toMatchObject({ "error.type": "RangeError" });
    });

    test("CSS-11 comes with a duration in seconds, with the conventions' attributes and the flat pair", async () => {
      const span = await spanOf({ path: "/a?b=1", lines: [VARIANT] }, async ({ reply }) => {
        await new Promise((resolve) => setTimeout(resolve, 3));
        reply(200, "ok");
      });
      const metric = await durations.metric();
      expect(metric?.descriptor).toMatchObject({ unit: "s", type: "HISTOGRAM" });
      const [point, ...more] = metric?.dataPoints ?? [];
      expect(more).toEqual([]);
      expect(withoutRoute(point?.attributes ?? {})).toEqual({
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "url.scheme": "http",
        "network.protocol.version": "1.1",
        ...EXPRESS_PAIR,
      });
      expect(point?.attributes["http.route"]).toBe(span.attributes["http.route"]);
      expect(point?.value).toMatchObject({
        count: 1,
        buckets: { boundaries: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10] },
      });
      // Bounds that only a mistake of the unit passes, whatever the machine does.
      const sum = metric === undefined ? 0 : (pointsOf(metric)[0]?.value ?? 0);
      expect(sum).toBeGreaterThan(0.001);
      expect(sum).toBeLessThan(3);
    });

    test("CSS-12 comes with a duration that has the variant that the handler records, and none where there is none", async () => {
      await spanOf({}, ({ reply }, experiments) => {
        experiments.record("checkout", "express");
        reply(200, "ok");
      });
      tracing.clear();
      await spanOf({ lines: ["baggage: experiment.unheard_of.variant=evil"] });
      const pairs = (await durations.series()).map(({ attributes }) => [
        attributes["experiment.id"],
        attributes["experiment.variant"],
      ]);
      expect(pairs).toEqual([
        ["checkout_redesign_2026q1", "express"],
        [undefined, "other"],
      ]);
    });

    test("CSS-13 measures a request whose caller did not sample it", async () => {
      await serving(
        ({ reply }) => reply(200, String(trace.getActiveSpan()?.isRecording())),
        async (port) => {
          const lines = [`traceparent: 00-${TRACE_ID}-${PARENT_ID}-00`, VARIANT];
          expect((await send(port, { lines })).body).toBe("false");
        },
      );
      expect(tracing.spans()).toEqual([]);
      expect(await durations.series()).toMatchObject([{ attributes: EXPRESS_PAIR, count: 1 }]);
    });

    test("CSS-14 is one, and so is its duration, where the adapter is mounted twice and for two instances", async () => {
      const shop = createExperiments({ experiments: REDESIGN, trustInbound: true });
      const labs = createExperiments({
        experiments: { colour: { id: "labs_colour_7", variants: ["blue", "red"] } },
        prefix: "labs.",
        trustInbound: true,
      });
      const baggage = Promise.withResolvers<unknown>();
      const server = await harness.serve({
        mount: [shop, labs, shop, labs],
        handler: ({ response, reply }) => {
          response.on("close", () => baggage.resolve(propagation.getBaggage(context.active())?.getAllEntries()));
          reply(200, "ok");
        },
      });
      await send(server.port, {
        lines: ["baggage: labs.colour.variant=red,experiment.checkout.variant=express,user=1"],
      });
      const spans = await tracing.serverSpans(1);
      expect(await baggage.promise).toEqual([["user", { value: "1" }]]);
      await server.close();
      await Promise.all([shop.close(), labs.close()]);
      expect(spans).toHaveLength(1);
      expect(spans[0]?.attributes).toMatchObject({
        "experiment.checkout.variant": "express",
        "experiment.colour.variant": "red",
        "experiment.variant": "red",
      });
      // That of the latest instance which has one, as on the span, and as our Views have it.
      const pair = { "experiment.id": "labs_colour_7", "experiment.variant": "red" };
      expect(await durations.series()).toMatchObject([{ attributes: pair, count: 1 }]);
    });

    test("CSS-17 is measured with the pair of the instance that has one", async () => {
      const first = createExperiments({ prefix: "labs.", trustInbound: true });
      const last = createExperiments({ experiments: REDESIGN, trustInbound: true });
      for (const mount of [
        [first, last],
        [last, first],
      ]) {
        durations = new Durations();
        const server = await harness.serve({ mount, handler: ({ reply }) => reply(200, "ok") });
        await send(server.port, { lines: [VARIANT] });
        await server.close();
        expect(await durations.series()).toMatchObject([{ attributes: EXPRESS_PAIR, count: 1 }]);
      }
      await Promise.all([first.close(), last.close()]);
    });

    test("CSS-15 opens a context with the others' baggage, and nothing of a stranger's own", async () => {
      const experiments = createExperiments({ experiments: REDESIGN });
      const seen = Promise.withResolvers<unknown>();
      const server = await harness.serve({
        mount: [experiments],
        handler({ reply }) {
          seen.resolve(propagation.getBaggage(context.active())?.getAllEntries());
          reply(200, "ok");
        },
      });
      await send(server.port, { lines: ["baggage: experiment%2Echeckout.variant=evil", VARIANT] });
      expect(await seen.promise).toEqual([["user", { value: "1" }]]);
      await server.close();
      await experiments.close();
    });

    test("CSS-16 has its own variant and trace among many requests at once, and each is measured once", async () => {
      const variants = ["control", "single_page", "express", undefined] as const;
      await serving(
        async ({ request, reply }) => {
          await new Promise((resolve) => setTimeout(resolve, Number(request.url?.slice(1)) % 5));
          trace.getTracer("test").startSpan(`work ${request.url}`).end();
          reply(200, "ok");
        },
        async (port) => {
          const connections = await Promise.all(Array.from({ length: 8 }, () => WireConnection.open(port)));
          await Promise.all(
            connections.map(async (connection, worker) => {
              for (let i = 0; i < 10; i++) {
                const n = worker * 10 + i;
                const variant = variants[n % variants.length];
                const lines = variant === undefined ? [] : [`baggage: experiment.checkout.variant=${variant}`];
                await connection.send({ path: `/${n}`, lines });
              }
              connection.close();
            }),
          );
          await tracing.serverSpans(80);
        },
      );
      const works = new Map(tracing.spans().map((span) => [span.name, span.parentSpanContext?.spanId]));
      for (const span of tracing.spans().filter(isServerSpan)) {
        const path = String(span.attributes["url.path"]);
        expect(span.attributes["experiment.variant"]).toBe(variants[Number(path.slice(1)) % variants.length]);
        expect(works.get(`work ${path}`)).toBe(span.spanContext().spanId);
      }
      const counts = (await durations.series()).map(({ attributes, count }) => [
        attributes["experiment.variant"],
        count,
      ]);
      expect(Object.fromEntries(counts)).toEqual({ control: 20, single_page: 20, express: 20, none: 20 });
    });
  });
}
