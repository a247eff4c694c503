import { cp } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import * as api from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import type * as Logs from "@opentelemetry/sdk-logs";
import type * as Metrics from "@opentelemetry/sdk-metrics";
import type * as Traces from "@opentelemetry/sdk-trace";
import type * as Core from "otel-experiments";
import type * as NodeAdapter from "otel-experiments/node";
import type * as Sdk from "otel-experiments/sdk";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { send } from "../../testing/wire/client.ts";
import { recordDiag } from "../support/diag.ts";
import { REGISTRY } from "../support/experiments.ts";
import { listen } from "../support/listening.ts";
import { type PackedPackage, packPackage } from "../support/packed-package.ts";
import { PointReader, pointsOf } from "../support/points.ts";
import { countsOf } from "./measuring.ts";

// npm installs a package twice where two versions are asked for, and it and @opentelemetry/api have ESM and CommonJS:
// what decorates the signals may be of one copy, and what serves the requests of another.

type Copy = typeof Sdk & Pick<typeof Core, "createExperiments"> & Pick<typeof NodeAdapter, "nodeExperiments">;

const PAIR = { "experiment.id": "checkout_1", "experiment.variant": "express" };
const require = createRequire(import.meta.url);
// why: what these packages export to require()
const commonApi = require("@opentelemetry/api") as typeof api;
const traces = require("@opentelemetry/sdk-trace") as typeof Traces; // why: as above
const sdkLogs = require("@opentelemetry/sdk-logs") as typeof Logs; // why: as above
const sdkMetrics = require("@opentelemetry/sdk-metrics") as typeof Metrics; // why: as above

let packed: PackedPackage;
let first: Copy;
let second: Copy;
const diag = recordDiag();

beforeAll(async () => {
  packed = await packPackage();
  const modules = join(
    await packed.consumer("copies", ["@opentelemetry/api", "@opentelemetry/core", "fastify-plugin"], {}),
    "node_modules",
  );
  await cp(join(modules, "otel-experiments"), join(modules, "otel-experiments-again"), { recursive: true });
  first = await load(join(modules, "otel-experiments/dist"), ".js");
  second = await load(join(modules, "otel-experiments-again/dist/cjs"), ".cjs");
  api.context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
});

afterAll(() => packed[Symbol.asyncDispose]());

beforeEach(() => void diag.take());

afterEach(() => {
  api.metrics.disable();
  api.trace.disable();
});

async function load(directory: string, extension: ".js" | ".cjs"): Promise<Copy> {
  const parts = await Promise.all(
    ["src/index", "adapters/inbound/node", "adapters/sdk/index"].map(
      (file) => import(join(directory, file) + extension) as Promise<object>, // why: a module is an object
    ),
  );
  return Object.assign({}, ...parts) as Copy; // why: the three modules export these
}

/** Serves one request that came with a variant, with the inbound side of one copy. */
async function serve(copy: Copy, handler: () => unknown): Promise<void> {
  const experiments = copy.createExperiments({ experiments: REGISTRY, trustInbound: true });
  const failed: unknown[] = [];
  const server = await listen(
    createServer(
      copy.nodeExperiments(experiments, (_request, response) => {
        const answered = (async () => handler())();
        answered.catch((error: unknown) => failed.push(error)).finally(() => response.end());
      }),
    ),
  );
  await send(server.port, { lines: ["baggage: experiment.checkout.variant=express"] });
  await server.close();
  await experiments.close();
  expect(failed).toEqual([]);
}

describe("two copies of the API, and two of this package", () => {
  test("CPY-01 spans of a CommonJS SDK, by either copy of the API, have the variant that the other copy of ours opened", async () => {
    const exporter = new traces.InMemorySpanExporter();
    const provider = new traces.TracerProvider({
      spanProcessors: [new second.ExperimentSpanProcessor(), new traces.SimpleSpanProcessor({ exporter })],
    });
    commonApi.trace.setGlobalTracerProvider(provider);
    await serve(first, () => {
      api.trace.getTracer("esm").startActiveSpan("esm", (span) => {
        commonApi.trace.getTracer("cjs").startSpan("cjs").end();
        span.end();
      });
    });
    const spans = exporter.getFinishedSpans();
    expect(spans.map(({ name, attributes }) => [name, attributes])).toEqual([
      ["cjs", PAIR],
      ["esm", PAIR],
    ]);
    expect(spans[0]?.parentSpanContext?.spanId).toBe(spans[1]?.spanContext().spanId);
    // Without an HTTP instrumentation there is no server span, which is said.
    expect(diag.take()).toEqual([expect.stringMatching(/a request had no server span/)]);
  });

  test("CPY-02 both copies on one span write it once", async () => {
    const exporter = new traces.InMemorySpanExporter();
    const set = vi.fn<(name: string) => void>();
    const watch: Traces.SpanProcessor = {
      onStart(span) {
        const { setAttribute } = span;
        span.setAttribute = (name, value) => {
          set(name);
          return setAttribute.call(span, name, value);
        };
      },
      onEnd: () => undefined,
      forceFlush: async () => undefined,
      shutdown: async () => undefined,
    };
    const provider = new traces.TracerProvider({
      spanProcessors: [
        watch,
        new first.ExperimentSpanProcessor(),
        new second.ExperimentSpanProcessor(),
        new traces.SimpleSpanProcessor({ exporter }),
      ],
    });
    await serve(first, () => provider.getTracer("shop").startSpan("a").end());
    expect(exporter.getFinishedSpans().map(({ attributes }) => attributes)).toEqual([PAIR]);
    expect(set.mock.calls).toEqual([["experiment.id"], ["experiment.variant"]]);
  });

  test("CPY-03 log records and measurements have it too, by Views and by a wrapped MeterProvider of both copies", async () => {
    const exporter = new sdkLogs.InMemoryLogRecordExporter();
    const loggers = new sdkLogs.LoggerProvider({
      processors: [new second.ExperimentLogRecordProcessor(), new sdkLogs.SimpleLogRecordProcessor({ exporter })],
    });
    const reader = new PointReader();
    const instruments = ["orders.placed"];
    const meters = first.withExperiments(
      second.withExperiments(
        new sdkMetrics.MeterProvider({ readers: [reader], views: second.experimentViews({ instruments }) }),
        { instruments },
      ),
      { instruments },
    );
    await serve(first, () => {
      loggers.getLogger("shop").emit({ body: "a" });
      meters.getMeter("shop").createCounter("orders.placed").add(1);
    });
    meters.getMeter("shop").createCounter("orders.placed").add(1);
    expect(exporter.getFinishedLogRecords().map(({ attributes }) => attributes)).toEqual([PAIR]);
    expect(countsOf(await reader.points("orders.placed"))).toEqual({ "checkout_1 express": 1, "- none": 1 });
  });
});

describe("in the wrong order, and too late", () => {
  test("CPY-10 a MeterProvider that is set in the middle of a request counts from then on", async () => {
    const reader = new PointReader();
    const experiments = first.createExperiments({ experiments: REGISTRY });
    const ours = experiments.meter("shop").createCounter("ours");
    await serve(first, () => {
      api.metrics.getMeter("shop").createCounter("orders.placed").add(1);
      ours.add(1);
      const provider = new sdkMetrics.MeterProvider({ readers: [reader] });
      commonApi.metrics.setGlobalMeterProvider(second.withExperiments(provider, { instruments: ["orders.placed"] }));
      api.metrics.getMeter("shop").createCounter("orders.placed").add(10);
      ours.add(10);
    });
    await serve(first, () => undefined);
    const all = await reader.metrics();
    const seen = new Map([...all].map(([name, metric]) => [name, pointsOf(metric)]));
    expect(countsOf(seen.get("orders.placed") ?? [])).toEqual({ "checkout_1 express": 10 });
    // The instance that measures knows nothing of the other one's request.
    expect(countsOf(seen.get("ours") ?? [])).toEqual({ "- none": 10 });
    await experiments.close();
    expect(diag.take()).toEqual([]);
  });

  test("CPY-11 all of an SDK shut down in the middle of a request: no throw, no wrong variant", async () => {
    const spans = new traces.InMemorySpanExporter();
    const records = new sdkLogs.InMemoryLogRecordExporter();
    const reader = new PointReader();
    const tracing = new traces.TracerProvider({
      spanProcessors: [new first.ExperimentSpanProcessor(), new traces.SimpleSpanProcessor({ exporter: spans })],
    });
    const logging = new sdkLogs.LoggerProvider({
      processors: [
        new first.ExperimentLogRecordProcessor(),
        new sdkLogs.SimpleLogRecordProcessor({ exporter: records }),
      ],
    });
    const measuring = first.withExperiments(
      new sdkMetrics.MeterProvider({ readers: [reader], views: first.experimentViews() }),
      { instruments: ["orders.placed"] },
    );
    const counter = measuring.getMeter("shop").createCounter("orders.placed");
    await serve(first, async () => {
      const open = tracing.getTracer("shop").startSpan("open");
      await Promise.all([tracing.shutdown(), logging.shutdown(), measuring.shutdown()]);
      open.end();
      tracing.getTracer("shop").startSpan("after").end();
      logging.getLogger("shop").emit({ body: "after" });
      counter.add(1);
      measuring.getMeter("late").createCounter("orders.placed").add(1);
    });
    const written = [...spans.getFinishedSpans(), ...records.getFinishedLogRecords()];
    for (const { attributes } of written) expect(attributes).toEqual(PAIR);
  });
});
