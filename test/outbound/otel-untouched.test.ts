import type nodeHttp from "node:http";
import { createRequire } from "node:module";
import { metrics, SpanKind } from "@opentelemetry/api";
import {
  AggregationTemporality,
  DataPointType,
  InMemoryMetricExporter,
  MeterProvider,
  type MetricData,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import nodeFetch from "node-fetch";
import { createExperiments } from "otel-experiments";
import type { ExperimentsHandle } from "otel-experiments/adapter";
import { experimentFetch } from "otel-experiments/fetch";
import { nodeExperiments } from "otel-experiments/node";
import { experimentInterceptor } from "otel-experiments/undici";
import { afterAll, describe, expect, test } from "vitest";
import { type ScopedService, startScopedService } from "../../testing/outbound/scoped-service.ts";
import { headerValues, type WireMessage } from "../../testing/wire/http-bytes.ts";
import { startWireServer } from "../../testing/wire/server.ts";
import { enable } from "../support/client-instrumentations.ts";
import { undiciMajors } from "../support/clients/undici-majors.ts";
import { setGlobalTracing } from "../support/tracing.ts";

const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";
const INBOUND = [
  `traceparent: 00-${TRACE_ID}-b7ad6b7169203331-01`,
  "tracestate: vendor=1",
  "baggage: tenant=7,experiment.checkout.variant=express,experiment.checkout.id=checkout_1",
];

const { exporter } = setGlobalTracing();
const measured = new InMemoryMetricExporter(AggregationTemporality.DELTA);
const reader = new PeriodicExportingMetricReader({ exporter: measured, exportIntervalMillis: 3_600_000 });
metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
const instrumentations = [enable("undici"), enable("http")];
const require = createRequire(import.meta.url);
// why: the module of Node under the name that it has for it
const http = require("node:http") as typeof nodeHttp;

const server = await startWireServer(({ start }) => {
  const path = start.split(" ")[1] ?? "";
  if (path.startsWith("/missing")) return { status: 404 };
  if (path.startsWith("/hop/")) return { status: 307, lines: [`location: ${path.slice("/hop".length)}`] };
  return { body: "answer" };
});
const gone = await startWireServer();
await gone.close();

/** A kind of call; without experiments it is made as if we did not exist. */
interface Call {
  readonly name: string;
  /** How often it arrives. */
  readonly arrivals: number;
  make(experiments: ExperimentsHandle | undefined): Promise<unknown>;
}

const fetchCall = (name: string, arrivals: number, url: string, init: RequestInit, inner?: typeof fetch): Call => ({
  name,
  arrivals,
  async make(experiments) {
    const plain = inner ?? globalThis.fetch;
    const fetchOnce = experiments === undefined ? plain : experimentFetch(experiments, inner);
    await fetchOnce(url, init).then(
      (response) => response.text(),
      () => undefined,
    );
  },
});

const httpCall = (name: string, make: () => nodeHttp.ClientRequest): Call => ({
  name,
  arrivals: 1,
  make: () =>
    new Promise((resolve, reject) => {
      make()
        .on("response", (response) => response.resume().on("end", resolve))
        .on("error", reject)
        .end();
    }),
});

const calls: readonly Call[] = [
  fetchCall("the built-in fetch", 1, `${server.origin}/x`, {}),
  fetchCall("the built-in fetch, posting", 1, `${server.origin}/x?y=1`, { method: "POST", body: "b" }),
  fetchCall("the built-in fetch, redirected", 2, `${server.origin}/hop/x`, {}),
  fetchCall("the built-in fetch of what is missing", 1, `${server.origin}/missing`, {}),
  fetchCall("the built-in fetch of a server that is gone", 0, `${gone.origin}/x`, {}),
  fetchCall("the built-in fetch with baggage", 1, `${server.origin}/x`, { headers: { baggage: "user=1" } }),
  // why: node-fetch's types are its own
  fetchCall("node-fetch", 1, `${server.origin}/x`, {}, nodeFetch as unknown as typeof fetch),
  // why: as above
  fetchCall("node-fetch, redirected", 2, `${server.origin}/hop/x`, {}, nodeFetch as unknown as typeof fetch),
  httpCall("http.request", () => http.request(`${server.origin}/x`)),
  httpCall("http.get with baggage", () => http.get(`${server.origin}/x`, { headers: { baggage: "user=1" } })),
  ...undiciMajors.flatMap(({ name, undici }): readonly Call[] => [
    {
      name: `${name} request`,
      arrivals: 1,
      async make(experiments) {
        const agent = new undici.Agent();
        const dispatcher = experiments === undefined ? agent : agent.compose(experimentInterceptor(experiments));
        await (await undici.request(`${server.origin}/x`, { dispatcher, headers: ["x-one", "1"] })).body.dump();
        await agent.close();
      },
    },
    {
      name: `${name} request, redirected`,
      arrivals: 2,
      async make(experiments) {
        const agent = new undici.Agent();
        const redirect = undici.interceptors.redirect({ maxRedirections: 2 });
        const ours = experiments === undefined ? [] : [experimentInterceptor(experiments)];
        const dispatcher = agent.compose([redirect, ...ours]);
        await (await undici.request(`${server.origin}/hop/x`, { dispatcher })).body.dump();
        await agent.close();
      },
    },
    // why: undici's types of fetch are its own, and nearly those of the built-in one
    fetchCall(`${name} fetch`, 1, `${server.origin}/x`, {}, undici.fetch as unknown as typeof fetch),
  ]),
];

/** What can be seen of one call: its spans, how they hang together, what was measured, and what was on the wire. */
interface Observation {
  readonly spans: readonly object[];
  readonly traceparents: readonly (readonly string[])[];
  readonly durations: number;
}

async function observe(service: ScopedService, call: Call, experiments?: ExperimentsHandle): Promise<Observation> {
  exporter.reset();
  server.clear();
  await service.serve(INBOUND, () => call.make(experiments));
  // The server's span ends behind the answer, in turns of its own.
  while (serverSpans().length === 0) await new Promise(setImmediate);
  await reader.forceFlush();
  const durations = measured
    .getMetrics()
    .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics))
    .filter(({ descriptor }) => descriptor.name === "http.client.request.duration")
    .reduce((count, metric) => count + countOf(metric), 0);
  measured.reset();
  const clients = exporter.getFinishedSpans().filter(({ kind }) => kind === SpanKind.CLIENT);
  return {
    spans: clients.map(described),
    traceparents: server.requests.map((request) => relations(request, clients)),
    durations,
  };
}

function countOf(metric: MetricData): number {
  if (metric.dataPointType !== DataPointType.HISTOGRAM) return 0;
  return metric.dataPoints.reduce((count, { value }) => count + value.count, 0);
}

function serverSpans(): readonly ReadableSpan[] {
  return exporter.getFinishedSpans().filter(({ kind }) => kind === SpanKind.SERVER);
}

function described(span: ReadableSpan): object {
  const { name, kind, attributes, status, events, links, parentSpanContext } = span;
  const [parent] = serverSpans();
  return {
    name,
    kind,
    attributes,
    status,
    events: events.map((event) => event.name),
    links,
    inTrace: span.spanContext().traceId === TRACE_ID,
    underServer: parentSpanContext?.spanId === parent?.spanContext().spanId,
  };
}

/** For each `traceparent` line whose span it names. */
function relations({ lines }: WireMessage, clients: readonly ReadableSpan[]): readonly string[] {
  return headerValues(lines, "traceparent").map((line) => {
    const [, traceId, spanId, flags] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(line) ?? [];
    const index = clients.findIndex((span) => span.spanContext().spanId === spanId);
    return traceId === TRACE_ID && flags === "01" ? `span ${index}` : `invalid: ${line}`;
  });
}

const start = (wrap: (listener: nodeHttp.RequestListener) => nodeHttp.RequestListener): Promise<ScopedService> =>
  startScopedService(wrap, http.createServer);

const bare = await start((listener) => listener);
const without = new Map<string, Observation>();
for (const call of calls) without.set(call.name, await observe(bare, call));

const experiments = createExperiments({ trustInbound: true, propagateTo: [server.origin] });
const scoped = await start((listener) => nodeExperiments(experiments, listener));

afterAll(async () => {
  await bare.close();
  await scoped.close();
  await experiments.close();
  await server.close();
});

describe.each(["before", "after"])("OpenTelemetry's own spans, its instrumentations %s us", (order) => {
  test("OUT-T0 the order is that", () => {
    if (order === "after") {
      for (const instrumentation of instrumentations) instrumentation.disable();
      for (const instrumentation of instrumentations) instrumentation.enable();
    }
    expect(calls.length).toBe(without.size);
  });

  test.each(calls)("OUT-T1 $name: CLIENT spans and trace context are as they are without us", async (call) => {
    const plain = without.get(call.name);
    expect(await observe(scoped, call)).toEqual(plain);
    expect(await observe(scoped, call, experiments)).toEqual(plain);
  });

  test.each(calls)("OUT-T2 $name: each request has one traceparent, that of its own CLIENT span", async (call) => {
    const { spans, traceparents, durations } = await observe(scoped, call, experiments);
    expect(traceparents).toEqual(Array.from({ length: call.arrivals }, (_, i) => [`span ${i}`]));
    expect([spans.length, durations]).toEqual([Math.max(call.arrivals, 1), Math.max(call.arrivals, 1)]);
  });
});

test("OUT-T3 the caller's traceparent is neither mended nor made worse", async () => {
  const traceparent = `00-${TRACE_ID}-00f067aa0ba902b7-01`;
  const call = fetchCall("fetch", 1, `${server.origin}/x`, { headers: { traceparent, tracestate: "mine=1" } });
  const plain = await observe(bare, call);
  const plainLines = linesOf("traceparent", "tracestate").length;
  const { spans, durations, traceparents } = await observe(scoped, call, experiments);
  expect(linesOf("traceparent", "tracestate")).toHaveLength(plainLines);
  expect({ spans, durations }).toEqual({ spans: plain.spans, durations: plain.durations });
  expect(traceparents.flat()).toHaveLength(plain.traceparents.flat().length);
});

function linesOf(...names: readonly string[]): readonly string[] {
  return server.requests.flatMap(({ lines }) => names.flatMap((name) => headerValues(lines, name)));
}
