import { createServer } from "node:http";
import { context, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { suppressTracing } from "@opentelemetry/core";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { BatchSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { nodeExperiments } from "otel-experiments/node";
import { instrumentOutgoing } from "otel-experiments/outgoing";
import { request } from "undici";
import { afterAll, expect, test } from "vitest";
import { send } from "../../testing/wire/client.ts";
import { startWireServer } from "../../testing/wire/server.ts";
import { listen } from "../support/listening.ts";
import { arrivals, openStage, own } from "../support/service-stage.ts";

const collector = await startWireServer();
const { experiments, serve, close } = await openStage({ propagateTo: [collector.origin] });
const outgoing = instrumentOutgoing(experiments);
const contexts = new AsyncLocalStorageContextManager().enable();
context.setGlobalContextManager(contexts);

afterAll(async () => {
  outgoing[Symbol.dispose]();
  await close();
  await collector.close();
  contexts.disable();
});

test("OG-33 what OpenTelemetry exports is no request's, where a request has set the exporter's timer", async () => {
  const exporter = new OTLPTraceExporter({ url: `${collector.origin}/v1/traces` });
  const provider = new TracerProvider({
    spanProcessors: [new BatchSpanProcessor({ exporter, scheduledDelayMillis: 1 })],
  });
  trace.setGlobalTracerProvider(provider);
  const server = await listen(
    createServer(nodeExperiments(experiments, (_request, response) => response.end("ok"), { serverSpan: "create" })),
  );
  await send(server.port, { lines: [`baggage: ${own("express")}`] });
  const deadline = performance.now() + 10_000;
  while (collector.requests.length === 0 && performance.now() < deadline) await new Promise(setImmediate);
  await server.close();
  await provider.shutdown();
  expect(arrivals(collector)).toEqual([[]]);
  collector.clear();
});

test("OG-34 a call under suppressTracing is nobody's, of whichever client", async () => {
  await serve(own("express"), async () => {
    await context.with(suppressTracing(context.active()), async () => {
      await (await fetch(collector.origin)).text();
      await (await request(collector.origin)).body.dump();
    });
    await (await fetch(collector.origin)).text();
  });
  expect(arrivals(collector)).toEqual([[], [], [own("express")]]);
});
