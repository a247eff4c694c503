import { InMemoryLogRecordExporter, LoggerProvider, SimpleLogRecordProcessor } from "@opentelemetry/sdk-logs";
import { createExperiments } from "otel-experiments";
import { experimentFetch } from "otel-experiments/fetch";
import { nodeExperiments } from "otel-experiments/node";
import { ExperimentLogRecordProcessor, ExperimentSpanProcessor } from "otel-experiments/sdk";
import { experimentInterceptor } from "otel-experiments/undici";
import type { Dispatcher } from "undici";
import { afterAll, describe, expect, test } from "vitest";
import { startScopedService } from "../../../testing/outbound/scoped-service.ts";
import { headerValues } from "../../../testing/wire/http-bytes.ts";
import { logs } from "../../matrix/logs-api.ts";
import { startDisorderlyServer } from "../disorderly-server.ts";
import type { Interceptor } from "../harness/undici.ts";
import { own } from "../service-stage.ts";
import { type Undici, undiciMajors } from "../undici-majors.ts";
import { startClientTelemetry, traceparentOf } from "./client-telemetry.ts";

/** At once, so that each connection of a small pool has a queue. */
const CALLERS = 24;
const CALLS_EACH = 4;
const VARIANTS = ["a", "b", "c", "d", "e", "f"] as const;

const telemetry = startClientTelemetry({ processors: [new ExperimentSpanProcessor()] });
const records = new InMemoryLogRecordExporter();
logs.setGlobalLoggerProvider(
  new LoggerProvider({
    processors: [new ExperimentLogRecordProcessor(), new SimpleLogRecordProcessor({ exporter: records })],
  }),
);
const logger = logs.getLogger("test");
const server = await startDisorderlyServer();
const experiments = createExperiments({
  experiments: { checkout: { id: "checkout_1", variants: [...VARIANTS] } },
  trustInbound: true,
  propagateTo: [server.origin],
});
const service = await startScopedService((listener) => nodeExperiments(experiments, listener));
const ours: Interceptor = experimentInterceptor(experiments, { spans: true });

afterAll(async () => {
  await service.close();
  await experiments.close();
  await server.close();
});

/** A way to pool connections, of one major of undici or of Node's own. `get` reads the answer to its end. */
interface Pooling {
  readonly name: string;
  /** What the path begins with, and so what is answered. */
  readonly path: "/plain/" | "/hop/" | "/try/";
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

function fetching(make: (undici: Undici) => Dispatcher, wrapped: "fetch" | "dispatcher" | "both"): Pooling["open"] {
  return (undici) => {
    const plain = make(undici);
    const dispatcher = wrapped === "fetch" ? plain : plain.compose(ours);
    // why: undici's types of fetch are its own, and nearly those of the built-in one
    const inner = ((input: string, init: object) => undici.fetch(input, { ...init, dispatcher })) as typeof fetch;
    const fetchOnce = wrapped === "dispatcher" ? inner : experimentFetch(experiments, inner, { spans: true });
    return { get: async (url) => (await fetchOnce(url)).text(), close: () => plain.close() };
  };
}

function streaming(make: (undici: Undici) => Dispatcher): Pooling["open"] {
  return (undici) => {
    const plain = make(undici);
    const dispatcher = plain.compose(ours);
    return {
      get: (url) =>
        new Promise((resolve, reject) => {
          undici
            .pipeline(url, { dispatcher, method: "GET" }, ({ body }) => body)
            .on("error", reject)
            .on("end", resolve)
            .resume()
            .end();
        }),
      close: () => plain.close(),
    };
  };
}

const redirect = (undici: Undici) => undici.interceptors.redirect({ maxRedirections: 3 });
const retry = (undici: Undici) => undici.interceptors.retry({ maxRetries: 2, minTimeout: 1, maxTimeout: 2 });
const agent = (undici: Undici) => new undici.Agent();
const twoOfAgent = (undici: Undici) => new undici.Agent({ connections: 2 });
const pool = (undici: Undici) => new undici.Pool(server.origin, { connections: 2 });
const client = (undici: Undici) => new undici.Client(server.origin, { pipelining: 6 });

const poolings: readonly Pooling[] = [
  { name: "an Agent", path: "/plain/", open: requesting(agent) },
  { name: "a Pool of 2 connections", path: "/plain/", open: requesting(pool) },
  { name: "a Client that pipelines", path: "/plain/", open: requesting(client) },
  { name: "outside of redirect", path: "/hop/", open: requesting(twoOfAgent, (u) => [redirect(u), ours]) },
  { name: "inside of redirect", path: "/hop/", open: requesting(pool, (u) => [ours, redirect(u)]) },
  { name: "outside of retry", path: "/try/", open: requesting(pool, (u) => [retry(u), ours]) },
  { name: "inside of retry", path: "/try/", open: requesting(twoOfAgent, (u) => [ours, retry(u)]) },
  { name: "redirect then retry", path: "/hop/", open: requesting(agent, (u) => [redirect(u), retry(u), ours]) },
  { name: "retry then redirect", path: "/try/", open: requesting(agent, (u) => [ours, retry(u), redirect(u)]) },
  { name: "a pipeline over 2 connections", path: "/plain/", open: streaming(pool) },
  { name: "a wrapped fetch over 2 connections", path: "/hop/", open: fetching(twoOfAgent, "fetch") },
  { name: "a fetch over our interceptor", path: "/hop/", open: fetching(twoOfAgent, "dispatcher") },
  { name: "a wrapped fetch over our interceptor", path: "/hop/", open: fetching(twoOfAgent, "both") },
];

const builtIn = experimentFetch(experiments, { spans: true });
const fetchesOfNode: Pooling = {
  name: "the built-in fetch",
  path: "/hop/",
  open: () => ({ get: async (url) => (await builtIn(url)).text(), close: async () => undefined }),
};

const setUps = [
  ...undiciMajors.flatMap(({ name, undici }) => poolings.map((pooling) => ({ major: name, undici, pooling }))),
  ...undiciMajors.slice(-1).map(({ undici }) => ({ major: "Node", undici, pooling: fetchesOfNode })),
];

describe("headers, CLIENT spans, log records and durations under load", () => {
  test.each(setUps)(
    "CS-20 $major, $pooling.name: each has its own call's parent and variant, none is wrong, none is missing",
    async ({ major, undici, pooling }) => {
      server.clear();
      telemetry.exporter.reset();
      records.reset();
      await telemetry.durations();
      const { get, close } = pooling.open(undici);
      const hops = pooling.path === "/plain/" ? 1 : 2;
      const name = `${major}-${pooling.name}`.replaceAll(/\W/g, "");
      await Promise.all(
        Array.from({ length: CALLERS }, async (_, caller) => {
          for (let call = 0; call < CALLS_EACH; call++) {
            const variant = VARIANTS[(caller + call) % VARIANTS.length] ?? "a";
            const target = `${variant}/${name}-${caller}-${call}`;
            await service.serve([`baggage: ${own(variant)}`], () =>
              telemetry.within(target, async () => {
                await get(`${server.origin}${pooling.path}${target}`);
                logger.emit({ body: target });
              }),
            );
          }
        }),
      );
      await close();

      const expected = CALLERS * CALLS_EACH * hops;
      const spans = await telemetry.ended(expected);
      const calls = new Map(
        telemetry.exporter.getFinishedSpans().map((span) => [span.spanContext().spanId, span.name] as const),
      );
      const sent = new Map(
        server.requests.map(({ start, lines }) => [headerValues(lines, "traceparent").join(), start]),
      );
      const tally = { right: 0, wrong: 0 };
      for (const span of spans) {
        const target = /\/([a-f]\/[^/]+)$/.exec(String(span.attributes["url.full"]))?.[1] ?? "";
        const isRight =
          calls.get(span.parentSpanContext?.spanId ?? "") === target &&
          span.attributes["experiment.variant"] === target[0] &&
          sent.get(traceparentOf(span))?.includes(target) === true;
        tally[isRight ? "right" : "wrong"]++;
      }
      expect(tally).toEqual({ right: expected, wrong: 0 });
      expect(server.requests).toHaveLength(expected);
      const carried = server.requests.filter(({ start, lines }) => {
        const variant = /\/([a-f])\//.exec(start)?.[1] ?? "";
        return headerValues(lines, "baggage").join("|") === own(variant);
      });
      expect(carried).toHaveLength(expected);
      const logged = records.getFinishedLogRecords();
      expect(logged).toHaveLength(CALLERS * CALLS_EACH);
      expect(logged.filter(({ body, attributes }) => attributes["experiment.variant"] !== String(body)[0])).toEqual([]);

      const byVariant = new Map<unknown, number>();
      for (const { attributes, count } of await telemetry.durations()) {
        const variant = attributes["experiment.variant"];
        byVariant.set(variant, (byVariant.get(variant) ?? 0) + count);
      }
      const each = expected / VARIANTS.length;
      expect(byVariant).toEqual(new Map(VARIANTS.map((variant) => [variant, each])));

      const resent = spans.filter(({ attributes }) => attributes["http.request.resend_count"] === 1);
      // A fetch asks the dispatcher for each hop of a redirect as for a request of its own.
      expect(resent).toHaveLength(hops === 1 || pooling.name === "a fetch over our interceptor" ? 0 : expected / 2);
    },
  );
});
