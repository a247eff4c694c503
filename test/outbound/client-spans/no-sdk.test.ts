import { context, propagation, ROOT_CONTEXT, type SpanContext, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { experimentFetch } from "otel-experiments/fetch";
import { experimentInterceptor } from "otel-experiments/undici";
import { afterAll, afterEach, expect, test } from "vitest";
import { undiciMajors } from "../../support/clients/undici-majors.ts";
import { recordDiag } from "../../support/diag.ts";
import { startPoints } from "../../support/points.ts";
import { go, openStage, own, startRedirectingServer } from "../../support/service-stage.ts";
import { traceparents } from "./client-telemetry.ts";

const seen = recordDiag();
const server = await startRedirectingServer();
const { experiments, serve, close } = await openStage({ propagateTo: [server.origin] });
const fetchWithSpans = experimentFetch(experiments, { spans: true });
const dispatchers = undiciMajors.map(({ undici }) => ({
  undici,
  dispatcher: new undici.Agent().compose(experimentInterceptor(experiments, { spans: true })),
}));

afterEach(() => server.clear());

afterAll(async () => {
  await close();
  await server.close();
});

/** One request of each client. */
async function callAll(url: string): Promise<void> {
  await (await fetchWithSpans(url)).text();
  for (const { undici, dispatcher } of dispatchers) await (await undici.request(url, { dispatcher })).body.dump();
}

// The tests add to the SDK one by one, in this order.

test("CS-80 without an SDK variants are passed on, and nothing of OpenTelemetry's is on the wire", async () => {
  await serve(own("express"), () => callAll(server.origin));
  await callAll(server.origin);
  const ours = dispatchers.length + 1;
  expect(server.baggage()).toEqual([
    ...Array.from({ length: ours }, () => [own("express")]),
    ...Array.from({ length: ours }, () => []),
  ]);
  expect(traceparents(server.requests).flat()).toEqual([]);
  expect(server.requests.flatMap(({ lines }) => lines).filter((line) => line.includes("otel"))).toEqual([]);
  expect(seen.take()).toEqual([]);
});

test("CS-81 without a tracer provider a caller's trace goes on, and durations are measured", async () => {
  const reader = startPoints();
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  const parent: SpanContext = { traceId: "a".repeat(32), spanId: "b".repeat(16), traceFlags: 1, isRemote: true };
  await serve(own("express"), () => callAll(server.origin));
  expect(traceparents(server.requests).flat()).toEqual([]);
  server.clear();
  await context.with(trace.setSpanContext(ROOT_CONTEXT, parent), () =>
    callAll(`${server.origin}${go(307, `${server.origin}/x`)}`),
  );
  const line = `00-${parent.traceId}-${parent.spanId}-01`;
  // The dispatchers follow no redirect.
  expect(traceparents(server.requests)).toEqual(Array.from({ length: 2 + dispatchers.length }, () => [line]));
  const points = await reader.points("http.client.request.duration");
  const counts = points.map(({ attributes, count }) => [
    attributes["experiment.variant"],
    attributes["http.response.status_code"],
    count,
  ]);
  expect(counts).toHaveLength(3);
  expect(counts).toEqual(
    expect.arrayContaining([
      ["express", 200, 1 + dispatchers.length],
      [undefined, 307, 1 + dispatchers.length],
      [undefined, 200, 1],
    ]),
  );
  expect(seen.take()).toEqual([]);
});
