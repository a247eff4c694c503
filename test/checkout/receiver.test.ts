import { gzipSync } from "node:zlib";
import { context, metrics, propagation, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { NodeSDK } from "@opentelemetry/sdk-node";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type Receiver, startReceiver } from "../../examples/checkout/system/telemetry/receiver.ts";
import { logs } from "../support/logs-api.ts";

afterEach(() => {
  vi.unstubAllEnvs();
  for (const api of [trace, metrics, logs, context, propagation]) api.disable();
});

const LINKED = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331", traceFlags: 1 };

/** Exports one span, one log record and one measurement of each kind, as a service does. */
async function exportTo({ url }: Receiver, protocol: string, note: string): Promise<void> {
  vi.stubEnv("OTEL_EXPORTER_OTLP_ENDPOINT", url);
  vi.stubEnv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol);
  const sdk = new NodeSDK({ resource: resourceFromAttributes({ "service.name": "cart" }), resourceDetectors: [] });
  sdk.start();
  const tracer = trace.getTracer("checkout.cart");
  tracer.startActiveSpan("cart.validate", { kind: SpanKind.SERVER, links: [{ context: LINKED }] }, (parent) => {
    tracer.startSpan("cart.fetch_contents").end();
    parent.setAttributes({ note, count: 3, share: 0.5, stale: true, tags: ["a", "b"] });
    parent.addEvent("price_mismatch", { "product.id": "beans" });
    parent.setStatus({ code: SpanStatusCode.ERROR });
    logs.getLogger("checkout").emit({ eventName: "experiment.exposure", severityText: "INFO", body: "seen" });
    parent.end();
  });
  const meter = metrics.getMeter("checkout");
  meter.createCounter("orders").add(2, { variant: "express" });
  meter.createHistogram("duration").record(0.25);
  meter.createHistogram("duration").record(0.5);
  await sdk.shutdown();
}

describe("the receiver of the checkout", () => {
  test.each([
    ["CHK-R01", "http/json"],
    ["CHK-R02", "http/protobuf"],
  ])("%s reads spans, log records and measurements from %s", async (_id, protocol) => {
    const receiver = await startReceiver();
    await exportTo(receiver, protocol, "cart 7");
    receiver.close();
    const { spans, logs: records, points } = receiver.telemetry;
    const child = spans.find(({ name }) => name === "cart.fetch_contents");
    const parent = spans.find(({ name }) => name === "cart.validate");
    expect(parent).toMatchObject({ service: "cart", scope: "checkout.cart", kind: "server", failed: true });
    expect(child).toMatchObject({ kind: "internal", failed: false, parentSpanId: parent?.spanId });
    expect(parent?.traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(child?.traceId).toBe(parent?.traceId);
    expect(parent?.links).toEqual([{ traceId: LINKED.traceId, spanId: LINKED.spanId }]);
    expect(Object.fromEntries(parent?.attributes ?? [])).toEqual({
      note: "cart 7",
      count: 3,
      share: 0.5,
      stale: true,
      tags: ["a", "b"],
    });
    expect(parent?.events).toEqual([{ name: "price_mismatch", attributes: new Map([["product.id", "beans"]]) }]);
    expect(Math.abs(Date.now() - (parent?.startMs ?? 0))).toBeLessThan(60_000);
    expect(parent?.durationMs).toBeGreaterThan(0);
    expect(records).toMatchObject([
      { service: "cart", eventName: "experiment.exposure", severity: "INFO", body: "seen", traceId: parent?.traceId },
    ]);
    const ours = points.filter(({ instrument }) => ["orders", "duration"].includes(instrument));
    expect(ours).toEqual([
      { service: "cart", instrument: "orders", count: 2, sum: 2, attributes: new Map([["variant", "express"]]) },
      { service: "cart", instrument: "duration", count: 2, sum: 0.75, attributes: new Map() },
    ]);
    expect(receiver.leaks).toEqual([]);
  });

  test.each([
    ["CHK-R03", "http/json"],
    ["CHK-R04", "http/protobuf"],
  ])("%s finds a card's number in an export of %s, with spaces too", async (_id, protocol) => {
    const receiver = await startReceiver();
    await exportTo(receiver, protocol, "paid by 4242 4242 4242 4242");
    receiver.close();
    expect(receiver.leaks).toEqual(["/v1/traces 4242"]);
  });

  test("CHK-R05 unpacks gzip, answers what is not OTLP with an error, and keeps nothing after it is told to forget", async () => {
    const receiver = await startReceiver();
    const post = async (path: string, body: string | Uint8Array<ArrayBuffer>, headers = {}): Promise<number> => {
      const type = { "content-type": "application/json", ...headers };
      return (await fetch(receiver.url + path, { method: "POST", body, headers: type })).status;
    };
    const scope = { scopeLogs: [{ logRecords: [{ body: { stringValue: "a" } }] }] };
    const batch = JSON.stringify({ resourceLogs: [scope] });
    expect(await post("/v1/logs", batch)).toBe(200);
    expect(await post("/v1/logs", new Uint8Array(gzipSync(batch)), { "content-encoding": "gzip" })).toBe(200);
    expect(receiver.telemetry.logs).toHaveLength(2);
    expect(await post("/v1/traces", "no JSON")).toBe(400);
    expect(await post("/v1/traces", "no protobuf", { "content-type": "application/x-protobuf" })).toBe(400);
    expect(await post("/v1/profiles", "{}")).toBe(404);
    receiver.forget();
    expect(await post("/v1/logs", batch)).toBe(200);
    expect(receiver.telemetry.logs).toHaveLength(2);
    receiver.close();
  });
});
