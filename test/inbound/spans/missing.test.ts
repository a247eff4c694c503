import { context } from "@opentelemetry/api";
import { suppressTracing } from "@opentelemetry/core";
import express from "express";
import { fastify } from "fastify";
import { createExperiments } from "otel-experiments";
import type { InboundHarness } from "otel-experiments/testing";
import { afterAll, expect, test, vi } from "vitest";
import { send } from "../../../testing/wire/client.ts";
import { recordDiag } from "../../support/diag.ts";
import { expressHarness } from "../../support/frameworks/express.ts";
import { fastifyHarness } from "../../support/frameworks/fastify.ts";
import { fastifyOtel } from "../../support/frameworks/fastify-otel.ts";
import { nodeHarness, nodeHarnessWith } from "../../support/frameworks/node.ts";
import { startTracing } from "../../support/tracing.ts";

// What is said once is said once in a process, so that the order of these tests matters.

const tracing = startTracing([]);
const diagnostics = recordDiag();

afterAll(() => tracing.stop());

/** What `diag` was told while a harness served one request, and its response was over. */
async function saidOf(harness: InboundHarness): Promise<readonly string[]> {
  const over = Promise.withResolvers<void>();
  const experiments = createExperiments({ trustInbound: true });
  const server = await harness.serve({
    mount: [experiments],
    handler({ response, reply }) {
      response.on("close", () => setImmediate(over.resolve));
      reply(200, "ok");
    },
  });
  await send(server.port, { lines: ["baggage: experiment.checkout.variant=express"] });
  await over.promise;
  await server.close();
  await experiments.close();
  return diagnostics.take();
}

const suppressing = expressHarness("Express", express, (app) => {
  app.use((_request, _response, next) => context.with(suppressTracing(context.active()), next));
});

test("MSS-01 nothing is said of a request whose span comes behind us, is ours, or is not wanted", async () => {
  expect(await saidOf(fastifyHarness("Fastify", fastify, { after: fastifyOtel }))).toEqual([]);
  expect(await saidOf(nodeHarnessWith("node:http", { serverSpan: "create" }))).toEqual([]);
  expect(await saidOf(suppressing)).toEqual([]);
});

test("MSS-02 a server span that is missing although there is an SDK is said once, with the mend", async () => {
  const [line, ...more] = await saidOf(nodeHarness);
  expect(more).toEqual([]);
  expect(line).toMatch(/^warn: otel-experiments: a request had no server span .*serverSpan: "create"/);
  expect(await saidOf(nodeHarness)).toEqual([]);
  // What may be said once a minute is not said again after it.
  const later = performance.now() + 120_000;
  vi.spyOn(performance, "now").mockReturnValue(later);
  expect(await saidOf(expressHarness("Express", express))).toEqual([]);
  vi.restoreAllMocks();
});
