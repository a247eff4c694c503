import type * as Http from "node:http";
import { createRequire } from "node:module";
import { metrics, propagation } from "@opentelemetry/api";
import { CompositePropagator, W3CTraceContextPropagator } from "@opentelemetry/core";
import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { UndiciInstrumentation } from "@opentelemetry/instrumentation-undici";
import { createExperiments, type Experiments, type Registry } from "otel-experiments";
import { experimentFetch } from "otel-experiments/fetch";
import { nodeExperiments } from "otel-experiments/node";
import { ExperimentPropagator, ExperimentSpanProcessor } from "otel-experiments/sdk";
import { request as undiciRequest } from "undici";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type ScopedService, startScopedService } from "../../testing/outbound/scoped-service.ts";
import { startWireServer, type WireServer } from "../../testing/wire/server.ts";
import { startPoints } from "../support/points.ts";
import { startTracing } from "../support/tracing.ts";

// HTTP with the propagator on: instrumentations write whatever a propagator says, whoever is called.

const tracing = startTracing([new HttpInstrumentation(), new UndiciInstrumentation()], undefined, [
  new ExperimentSpanProcessor(),
]);
propagation.disable();
propagation.setGlobalPropagator(
  new CompositePropagator({ propagators: [new W3CTraceContextPropagator(), new ExperimentPropagator()] }),
);
const http: typeof Http = createRequire(import.meta.url)("node:http");

const OWN = "experiment.checkout.variant=express,experiment.checkout.id=checkout_1";

let allowed: WireServer;
let stranger: WireServer;
let experiments: Experiments;
let service: ScopedService;

beforeAll(async () => {
  [allowed, stranger] = [await startWireServer(), await startWireServer()];
  const registry: Registry = { checkout: { id: "checkout_1", variants: ["control", "express"] } };
  experiments = createExperiments({
    experiments: registry,
    trustInbound: ["127.0.0.0/8"],
    propagateTo: [allowed.origin],
    strict: true,
  });
  service = await startScopedService((listener) => nodeExperiments(experiments, listener), http.createServer);
});

beforeEach(() => {
  allowed.clear();
  stranger.clear();
});

afterAll(async () => {
  await service.close();
  await allowed.close();
  await stranger.close();
  await experiments.close();
  await tracing.stop();
});

/** Sends a GET by node:http, as instrumentation-http has it. */
function get(url: string, headers: Record<string, string> | string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = http.get(url, { headers, agent: false }, (response) => {
      response.resume();
      response.on("end", resolve);
    });
    sent.on("error", reject);
  });
}

const clients: readonly { name: string; send: (url: string, baggage?: string) => Promise<unknown> }[] = [
  {
    name: "the built-in fetch",
    send: (url, baggage) => fetch(url, baggage === undefined ? {} : { headers: { baggage } }),
  },
  {
    name: "undici",
    send: async (url, baggage) =>
      (await undiciRequest(url, baggage === undefined ? {} : { headers: { baggage } })).body.dump(),
  },
  { name: "node:http", send: (url, baggage) => get(url, baggage === undefined ? {} : { baggage }) },
];

describe.each(clients)("with the propagator on, $name", ({ send }) => {
  test("PROH-01 leaks nothing of ours, from the scope, from the carrier or from the context", async () => {
    await service.serve([`baggage: user=1,${OWN}`], async () => {
      expect(experiments.variant("checkout")).toBe("express");
      await send(stranger.origin);
      await send(stranger.origin, `tenant=2,${OWN}`);
      // One that is allowed: nobody wraps this client, so that nobody writes.
      await send(allowed.origin, "tenant=2");
    });
    expect(stranger.baggage().flat().join()).not.toMatch(/experiment/);
    expect(allowed.baggage().flat().join()).not.toMatch(/experiment/);
    for (const lines of [...stranger.baggage(), ...allowed.baggage()]) {
      expect(lines).toHaveLength(1);
      expect(lines[0]).toContain("user=1");
    }
    expect(stranger.baggage()[1]?.[0]).toContain("tenant=2");
  });
});

test("PROH-02 a wrapped client writes one line to the destination that is named, and none of ours elsewhere", async () => {
  const wrapped = experimentFetch(experiments);
  const reader = startPoints();
  await service.serve([`baggage: user=%41,${OWN}`], async () => {
    await wrapped(allowed.origin, { headers: { baggage: "tenant=2" } });
    await wrapped(stranger.origin);
  });
  expect((await reader.points("experiment.baggage.size")).map(({ count, value }) => [count, value])).toEqual([
    [1, OWN.length],
  ]);
  metrics.disable();
  expect(stranger.baggage()).toEqual([["user=%41"]]);
  expect(allowed.baggage().map((lines) => lines.map((line) => line.split(",").sort()))).toEqual([
    [["tenant=2", "user=%41", ...OWN.split(",")].sort()],
  ]);
});

test("PROH-03 a request is read once, by its adapter, which knows the peer", async () => {
  const reader = startPoints();
  await service.serve([`baggage: ${OWN},experiment.search.id=orphan`], async () => {
    expect(experiments.variant("checkout")).toBe("express");
  });
  const points = await reader.points("experiment.baggage.rejections");
  expect(points.map(({ attributes, value }) => [attributes["reason"], value])).toEqual([["orphan", 1]]);
  metrics.disable();
});
