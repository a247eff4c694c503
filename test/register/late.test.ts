import * as api from "@opentelemetry/api";
import { type Attributes, createNoopMeter, diag, metrics, trace } from "@opentelemetry/api";
import { logs } from "@opentelemetry/api-logs";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { InMemoryLogRecordExporter, LoggerProvider, SimpleLogRecordProcessor } from "@opentelemetry/sdk-logs";
import { MeterProvider } from "@opentelemetry/sdk-metrics";
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { createExperiments } from "otel-experiments";
import { afterEach, beforeEach, expect, test } from "vitest";
import { decorateOpenTelemetry } from "../../adapters/sdk/register/decoration.ts";
import { readSettings } from "../../adapters/sdk/register/settings.ts";
import { type DiagLog, recordDiag } from "../support/diag.ts";
import { openRequest } from "../support/opened-request.ts";
import { PointReader } from "../support/points.ts";

// What was given out before we came: by the SDK's providers, and by others.

const EXPRESS: Attributes = { "experiment.id": "checkout_1", "experiment.variant": "express" };

const experiments = createExperiments({
  experiments: { checkout: { id: "checkout_1", variants: ["control", "express"] } },
});
let log: DiagLog;

beforeEach(() => {
  log = recordDiag();
});

afterEach(() => {
  for (const part of [api.trace, api.metrics, api.context, logs, diag]) part.disable();
  // What was decorated stays so as long as the process; here each test is a process of its own.
  for (const name of ["opentelemetry.js.api.1", "io.opentelemetry.js.api.logs"]) {
    Reflect.deleteProperty(globalThis, Symbol.for(name));
  }
});

function decorate(environment: { readonly [name: string]: string } = {}): void {
  const { settings, problems } = readSettings(environment);
  expect(problems).toEqual([]);
  decorateOpenTelemetry(settings);
}

/** Runs as a request's handler does, of a request that has a variant. */
function serve(handler: () => void): void {
  const { run, close } = openRequest(experiments);
  run(() => {
    experiments.record("checkout", "express");
    handler();
  });
  close();
}

test("REG-60 a tracer that has made spans already, and whoever holds the provider itself, make ours from now on", () => {
  api.context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  const early = trace.getTracer("early");
  trace.setGlobalTracerProvider(provider);
  early.startSpan("before us").end();
  const held = provider.getTracer("held");
  decorate();
  serve(() => {
    early.startSpan("a").end();
    held.startActiveSpan("b", (span) => span.end());
    provider.getTracer("new").startSpan("c").end();
    trace.getTracer("new").startSpan("d").end();
  });
  expect(exporter.getFinishedSpans().map(({ name, attributes }) => [name, attributes])).toEqual([
    ["before us", {}],
    ...["a", "b", "c", "d"].map((name) => [name, EXPRESS]),
  ]);
  expect(log.lines.filter((line) => line.includes("reached"))).toEqual([]);
});

test("REG-61 a span that is ended twice is the SDK's to complain of, and gets nothing after its end", () => {
  const exporter = new InMemorySpanExporter();
  trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }));
  decorate();
  const complaints = (ends: () => void): number => {
    log.take();
    ends();
    return log.take().filter((line) => line.includes("ended Span")).length;
  };
  const { run, close } = openRequest(experiments);
  run(() => {
    const span = trace.getTracer("shop").startSpan("twice");
    span.end();
    experiments.record("checkout", "express");
    expect(complaints(() => span.end())).toBe(1);
  });
  close();
  expect(exporter.getFinishedSpans().map(({ attributes }) => attributes)).toEqual([{}]);
});

test("REG-62 a logger that has been used already emits with the pair, and the caller's record stays as it is", () => {
  const exporter = new InMemoryLogRecordExporter();
  // SDK 2.x takes the exporter itself, 3.x in options.
  const processor = new SimpleLogRecordProcessor(Object.assign(exporter, { exporter }));
  const provider = new LoggerProvider({ processors: [processor] });
  const early = logs.getLogger("early");
  logs.setGlobalLoggerProvider(provider);
  early.emit({ body: "before us" });
  decorate({ OTEL_EXPERIMENTS_LOG_ATTRIBUTES: "both" });
  const record = Object.freeze({ body: "a", attributes: Object.freeze({ user: 1 }) });
  serve(() => {
    early.emit(record);
    logs.getLogger("new").emit({ body: "b", attributes: { "experiment.variant": "of the user" } });
  });
  const keyed = { "experiment.checkout.id": "checkout_1", "experiment.checkout.variant": "express" };
  const bodies = exporter.getFinishedLogRecords().filter(({ body }) => body !== undefined);
  expect(bodies.map(({ body, attributes }) => [body, attributes])).toEqual([
    ["before us", {}],
    ["a", { user: 1, ...EXPRESS, ...keyed }],
    ["b", { "experiment.variant": "of the user", ...keyed }],
  ]);
});

test("REG-63 an instrument that was made before measures with the pair, whoever holds it, and counts once", async () => {
  const reader = new PointReader();
  metrics.setGlobalMeterProvider(
    new MeterProvider({
      readers: [reader],
      views: [{ instrumentName: "orders.placed" }, { instrumentName: "orders.placed", name: "orders.too" }],
    }),
  );
  const meter = metrics.getMeter("shop");
  const counter = meter.createCounter("orders.placed");
  const duration = meter.createHistogram("http.server.request.duration");
  const other = meter.createCounter("other");
  const undici = metrics.getMeter("@opentelemetry/instrumentation-undici").createHistogram("undici.wait");
  const size = meter.createObservableGauge("orders.open");
  size.addCallback((result) => result.observe(1));
  counter.add(1);
  decorate({ OTEL_EXPERIMENTS_INSTRUMENTS: "orders.placed,orders.open,undici.wait" });
  serve(() => {
    counter.add(1, { currency: "EUR" });
    metrics.getMeter("shop").createCounter("orders.placed").add(1, { currency: "EUR" });
    duration.record(1);
    other.add(1);
    undici.record(1);
  });
  const points = async (name: string) =>
    (await reader.points(name)).map(({ value, attributes }) => [value, attributes]);
  expect(await points("orders.placed")).toEqual([
    [1, {}],
    [2, { currency: "EUR", ...EXPRESS }],
  ]);
  expect(await points("other")).toEqual([[1, {}]]);
  expect(await points("orders.open")).toEqual([[1, {}]]);
  expect(await points("http.server.request.duration")).toEqual([[1, EXPRESS]]);
  // Measured in the context of a pooled socket.
  expect(await points("undici.wait")).toEqual([[1, {}]]);
  expect(log.lines.filter((line) => line.includes("reached"))).toEqual([]);
});

test("REG-64 providers that do not show what they have given out are named, with the mend; what they give from now on is ours", () => {
  const exporter = new InMemorySpanExporter();
  const inner = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  trace.setGlobalTracerProvider({ getTracer: (...identity) => inner.getTracer(...identity) });
  metrics.setGlobalMeterProvider({ getMeter: () => createNoopMeter() });
  const emitted: unknown[] = [];
  const logger = { emit: (record: object) => void emitted.push(record), enabled: () => true };
  logs.setGlobalLoggerProvider({ getLogger: () => logger });
  decorate();
  const mend = "put --import otel-experiments/register before OpenTelemetry's own.";
  expect(log.take()).toEqual(
    ["tracers", "instruments", "loggers"].map(
      (what) =>
        `warn: otel-experiments: OpenTelemetry was set up first, and the ${what} that it had already given out get no experiments; ${mend}`,
    ),
  );
  serve(() => {
    trace.getTracer("shop").startSpan("a").end();
    logs.getLogger("shop").emit({ body: "b" });
  });
  expect(exporter.getFinishedSpans().map(({ attributes }) => attributes)).toEqual([EXPRESS]);
  expect(emitted.at(-1)).toMatchObject({ body: "b", attributes: EXPRESS });
});

test("REG-65 what has nothing of a provider stays as it is, and is named", () => {
  logs.setGlobalLoggerProvider({} as never); // why: an application may do anything
  metrics.setGlobalMeterProvider({} as never); // why: an application may do anything
  expect(() => decorate()).not.toThrow();
  expect(log.lines.join("\n")).toContain("could not be decorated");
});
