import { InMemoryLogRecordExporter, LoggerProvider, SimpleLogRecordProcessor } from "@opentelemetry/sdk-logs";
import { createExperiments } from "otel-experiments";
import { experimentFetch } from "otel-experiments/fetch";
import { nodeExperiments } from "otel-experiments/node";
import { ExperimentLogRecordProcessor, ExperimentSpanProcessor } from "otel-experiments/sdk";
import { experimentInterceptor } from "otel-experiments/undici";
import { afterAll, describe, expect, test } from "vitest";
import { startScopedService } from "../../../testing/outbound/scoped-service.ts";
import { headerValues } from "../../../testing/wire/http-bytes.ts";
import type { OpenWay, Way } from "../../support/clients/interleaving.ts";
import { type Undici, undiciMajors } from "../../support/clients/undici-majors.ts";
import {
  agent,
  byFetch,
  byPipeline,
  byRequest,
  client,
  type Get,
  type Intercept,
  type Make,
  openPool,
  pool,
  redirect,
  retry,
  twoOfAgent,
} from "../../support/clients/undici-pools.ts";
import { startDisorderlyServer } from "../../support/disorderly-server.ts";
import { logs } from "../../support/logs-api.ts";
import { own } from "../../support/service-stage.ts";
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
const interceptor = experimentInterceptor(experiments, { spans: true });
const ours: Intercept = () => interceptor;

afterAll(async () => {
  await service.close();
  await experiments.close();
  await server.close();
});

/** A way to pool connections, of one major of undici or of Node's own. */
interface Pooling {
  readonly name: string;
  /** What the path begins with, and so what is answered. */
  readonly path: Way["path"];
  open(undici: Undici): OpenWay;
}

function way(name: string, path: Way["path"], make: Make, get: Get, compose: readonly Intercept[] = [ours]): Pooling {
  const open = (undici: Undici): OpenWay =>
    openPool(
      undici,
      make(undici, server.origin),
      compose.map((each) => each(undici)),
      get,
    );
  return { name, path, open };
}

const fetching = byFetch((inner) => experimentFetch(experiments, inner, { spans: true }));

const poolings: readonly Pooling[] = [
  way("an Agent", "/plain/", agent, byRequest),
  way("a Pool of 2 connections", "/plain/", pool, byRequest),
  way("a Client that pipelines", "/plain/", client, byRequest),
  way("outside of redirect", "/hop/", twoOfAgent, byRequest, [redirect, ours]),
  way("inside of redirect", "/hop/", pool, byRequest, [ours, redirect]),
  way("outside of retry", "/try/", pool, byRequest, [retry, ours]),
  way("inside of retry", "/try/", twoOfAgent, byRequest, [ours, retry]),
  way("redirect then retry", "/hop/", agent, byRequest, [redirect, retry, ours]),
  way("retry then redirect", "/try/", agent, byRequest, [ours, retry, redirect]),
  way("a pipeline over 2 connections", "/plain/", pool, byPipeline),
  way("a wrapped fetch over 2 connections", "/hop/", twoOfAgent, fetching, []),
  way("a fetch over our interceptor", "/hop/", twoOfAgent, byFetch()),
  way("a wrapped fetch over our interceptor", "/hop/", twoOfAgent, fetching),
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
    async ({ major, undici, pooling: { name: kind, path, open } }) => {
      server.clear();
      telemetry.exporter.reset();
      records.reset();
      await telemetry.durations();
      const { get, close } = open(undici);
      const hops = path === "/plain/" ? 1 : 2;
      const name = `${major}-${kind}`.replaceAll(/\W/g, "");
      await Promise.all(
        Array.from({ length: CALLERS }, async (_, caller) => {
          for (let call = 0; call < CALLS_EACH; call++) {
            const variant = VARIANTS[(caller + call) % VARIANTS.length] ?? "a";
            const target = `${variant}/${name}-${caller}-${call}`;
            await service.serve([`baggage: ${own(variant)}`], () =>
              telemetry.within(target, async () => {
                await get(`${server.origin}${path}${target}`);
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
      expect(resent).toHaveLength(hops === 1 || kind === "a fetch over our interceptor" ? 0 : expected / 2);
    },
  );
});
