import { context, diag, ROOT_CONTEXT, SpanKind, trace } from "@opentelemetry/api";
import { logs as apiLogs } from "@opentelemetry/api-logs";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { RPCType, setRPCMetadata } from "@opentelemetry/core";
import {
  InMemoryLogRecordExporter,
  LoggerProvider,
  type LogRecordProcessor,
  type ReadableLogRecord,
  SimpleLogRecordProcessor,
} from "@opentelemetry/sdk-logs";
import { TracerProvider } from "@opentelemetry/sdk-trace";
import { createExperiments, type Experiments } from "otel-experiments";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { type DiagLog, recordDiag } from "../../support/diag.ts";
import { REGISTRY } from "../../support/experiments.ts";
import { logs } from "../../support/logs-api.ts";
import { openRequest } from "../../support/opened-request.ts";

// The events of both lines: SDK 3 has its logs API in @opentelemetry/api, SDK 2 in @opentelemetry/api-logs.

const tracer = new TracerProvider().getTracer("test");
let exporter = new InMemoryLogRecordExporter();
let experiments: Experiments<typeof REGISTRY>;
let log: DiagLog;

beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
});

beforeEach(() => {
  log = recordDiag();
  exporter = new InMemoryLogRecordExporter();
  experiments = createExperiments({ experiments: REGISTRY, trustInbound: true, strict: true });
});

afterEach(async () => {
  logs.disable();
  apiLogs.disable();
  await experiments.close();
});

afterAll(() => {
  context.disable();
  diag.disable();
});

function providerOf(processor: LogRecordProcessor = new SimpleLogRecordProcessor({ exporter })): LoggerProvider {
  return new LoggerProvider({ processors: [processor] });
}

function emitted(): readonly ReadableLogRecord[] {
  return exporter.getFinishedLogRecords();
}

/** One call of `record`, in a request of its own. */
function recordOnce(): string | undefined {
  return openRequest(experiments).run(() => experiments.record("checkout", "express"));
}

describe("feature_flag.evaluation", () => {
  test("EV-01 says which variant of which experiment was recorded, by OpenTelemetry's names", () => {
    logs.setGlobalLoggerProvider(providerOf());
    recordOnce();
    expect(emitted()).toHaveLength(1);
    const [event] = emitted();
    expect(event?.eventName).toBe("feature_flag.evaluation");
    expect(event?.attributes).toEqual({
      "feature_flag.key": "checkout",
      "feature_flag.result.variant": "express",
      "feature_flag.result.reason": "unknown",
      "feature_flag.provider.name": "otel-experiments",
      "experiment.id": "checkout_1",
    });
    expect(event?.instrumentationScope.name).toBe("otel-experiments");
    expect(event?.body).toBeUndefined();
  });

  test("EV-02 is emitted at an assignment alone: not for what came in, what stands already, what is read or refused", () => {
    logs.setGlobalLoggerProvider(providerOf());
    const { run, scope } = openRequest(experiments, { header: "experiment.search.variant=semantic" });
    run(() => {
      experiments.variant("search");
      experiments.record("search", "control");
      experiments.record("checkout", "express");
      experiments.record("checkout", "express");
      scope.record("checkout", "control");
      expect(() => experiments.record("checkout", JSON.parse('"unheard_of"'))).toThrow("has no variant");
    });
    expect(() => experiments.record("checkout", "express")).not.toThrow();
    expect(emitted().map(({ attributes }) => attributes["feature_flag.key"])).toEqual(["checkout"]);
  });

  test("EV-03 bears no id where no registry has one", () => {
    logs.setGlobalLoggerProvider(providerOf());
    const loose = createExperiments({ trustInbound: true });
    openRequest(loose).run(() => loose.record("checkout", "express"));
    expect(emitted()[0]?.attributes).not.toHaveProperty("experiment.id");
    expect(emitted()[0]?.attributes["feature_flag.result.variant"]).toBe("express");
    void loose.close();
  });

  test("EV-04 belongs to the span that is active", () => {
    logs.setGlobalLoggerProvider(providerOf());
    const span = tracer.startSpan("work");
    context.with(trace.setSpan(ROOT_CONTEXT, span), recordOnce);
    expect(emitted()[0]?.spanContext).toEqual(span.spanContext());
  });

  test("EV-05 belongs to the active child of the server span, and to the server span where async context is gone or another request's", () => {
    logs.setGlobalLoggerProvider(providerOf());
    const server = tracer.startSpan("GET /", { kind: SpanKind.SERVER });
    const served = setRPCMetadata(trace.setSpan(ROOT_CONTEXT, server), { type: RPCType.HTTP, span: server });
    const child = tracer.startSpan("child", {}, served);
    const { scope, run } = context.with(served, () => openRequest(experiments));
    context.with(trace.setSpan(served, child), () => run(() => experiments.record("checkout", "express")));
    expect(emitted()[0]?.spanContext).toEqual(child.spanContext());

    exporter.reset();
    context.with(ROOT_CONTEXT, () => scope.record("search", "semantic"));
    expect(emitted()[0]?.spanContext).toEqual(server.spanContext());

    exporter.reset();
    const late = context.with(
      setRPCMetadata(ROOT_CONTEXT, { type: RPCType.HTTP, span: tracer.startSpan("GET /late") }),
      () => openRequest(experiments),
    );
    context.with(served, () => late.scope.record("search", "semantic"));
    expect(emitted()[0]?.spanContext?.traceId).toBeDefined();
    expect(emitted()[0]?.spanContext?.traceId).not.toBe(server.spanContext().traceId);
  });
});

describe("the logs API", () => {
  test("EV-10 is that of @opentelemetry/api-logs where its global is set, as SDK 2 sets it", () => {
    const three = new InMemoryLogRecordExporter();
    logs.setGlobalLoggerProvider(providerOf(new SimpleLogRecordProcessor({ exporter: three })));
    apiLogs.setGlobalLoggerProvider(providerOf());
    recordOnce();
    expect(emitted()).toHaveLength(1);
    expect(emitted()[0]?.eventName).toBe("feature_flag.evaluation");
    expect(three.getFinishedLogRecords()).toEqual([]);
  });

  test("EV-11 may come late, go, and come again", () => {
    recordOnce();
    logs.setGlobalLoggerProvider(providerOf());
    recordOnce();
    expect(emitted()).toHaveLength(1);
    logs.disable();
    recordOnce();
    expect(emitted()).toHaveLength(1);
    const again = new InMemoryLogRecordExporter();
    logs.setGlobalLoggerProvider(providerOf(new SimpleLogRecordProcessor({ exporter: again })));
    recordOnce();
    expect(emitted()).toHaveLength(1);
    expect(again.getFinishedLogRecords()).toHaveLength(1);
  });

  test("EV-12 is asked whether anybody listens, and given nothing where nobody does", () => {
    const emit = vi.fn<(record: object) => void>();
    const enabled = vi.fn<(options?: object) => boolean>(() => false);
    logs.setGlobalLoggerProvider({ getLogger: () => ({ emit, enabled }) });
    expect(recordOnce()).toBe("express");
    expect(enabled).toHaveBeenCalledWith(expect.objectContaining({ eventName: "feature_flag.evaluation" }));
    expect(emit).not.toHaveBeenCalled();
  });

  test("EV-13 may be of a version that has no such question", () => {
    const emit = vi.fn<(record: object) => void>();
    // why: what older versions of api-logs give
    Reflect.set(globalThis, Symbol.for("io.opentelemetry.js.api.logs"), () => ({ getLogger: () => ({ emit }) }));
    recordOnce();
    expect(emit).toHaveBeenCalledTimes(1);
  });

  test("EV-14 is made a logger of once for each provider", () => {
    const getLogger = vi.fn<LoggerProvider["getLogger"]>(() => ({ emit: () => {}, enabled: () => true }));
    logs.setGlobalLoggerProvider({ getLogger });
    recordOnce();
    recordOnce();
    expect(getLogger.mock.calls).toEqual([["otel-experiments", expect.stringMatching(/^\d+\.\d+\.\d+/)]]);
  });

  test("EV-15 costs the request nothing when it throws, and diag hears of it", () => {
    logs.setGlobalLoggerProvider({
      getLogger: () => ({
        enabled: () => true,
        emit() {
          throw new Error("this exporter is broken");
        },
      }),
    });
    expect(recordOnce()).toBe("express");
    logs.disable();
    logs.setGlobalLoggerProvider({
      getLogger() {
        throw new Error("this provider is broken");
      },
    });
    expect(recordOnce()).toBe("express");
    expect(log.take()).toEqual(["warn: otel-experiments: the event feature_flag.evaluation could not be emitted"]);
  });

  test("EV-16 may be shut down while requests are served", async () => {
    const provider = providerOf();
    logs.setGlobalLoggerProvider(provider);
    recordOnce();
    await provider.shutdown();
    expect(recordOnce()).toBe("express");
  });
});

test("EV-17 a conversion is an event for each assignment that it counts for, with its name and its value", () => {
  logs.setGlobalLoggerProvider(providerOf());
  openRequest(experiments).run(() => {
    experiments.record("checkout", "express");
    experiments.use("checkout");
    experiments.convert("order_placed", { value: 49.9 });
    experiments.convert("called");
  });
  const checkout = {
    "experiment.key": "checkout",
    "experiment.id": REGISTRY.checkout.id,
    "experiment.variant": "express",
  };
  const events = emitted().filter(({ eventName }) => eventName === "experiment.conversion");
  expect(events.map(({ attributes }) => attributes)).toEqual([
    { ...checkout, "experiment.conversion": "order_placed", "experiment.conversion.value": 49.9 },
    { ...checkout, "experiment.conversion": "called" },
  ]);
});
