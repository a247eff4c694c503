import http from "node:http";
import { DiagLogLevel, diag } from "@opentelemetry/api";
import { createExperiments, type ExperimentsOptions } from "otel-experiments";
import { experimentFetch } from "otel-experiments/fetch";
import { testHeaders } from "otel-experiments/testing";
import { Agent, request as request8 } from "undici";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { startWireServer, type WireServer } from "../../testing/wire/server.ts";
import { type DiagLog, recordDiag } from "../support/diag.ts";

let downstream: WireServer;
let minutes = 0;
let log: DiagLog;
const closers: (() => unknown)[] = [];

beforeAll(async () => {
  downstream = await startWireServer();
});

beforeEach(() => {
  minutes += 10; // each cause speaks once a minute
  vi.spyOn(performance, "now").mockReturnValue(1e9 + minutes * 60_000);
  log = recordDiag(DiagLogLevel.INFO);
  downstream.clear();
});

afterEach(async () => {
  vi.restoreAllMocks();
  for (const close of closers.splice(0)) await close();
});

afterAll(async () => {
  diag.disable();
  await downstream.close();
});

function create(options: Partial<ExperimentsOptions> = {}) {
  const experiments = createExperiments({
    experiments: { checkout: { id: "checkout_1", variants: ["control", "express"] } },
    ...options,
  });
  closers.push(() => experiments.close());
  return experiments;
}

const baggage = "user=1,experiment.checkout.variant=express";

/** Sends a request of node:http whose header is set after the request is made, or with it. */
function httpGet(url: string, isSetLater: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = http.request(url, isSetLater ? {} : { headers: { baggage } }, (response) => {
      response.resume().on("end", resolve);
    });
    request.on("error", reject);
    if (isSetLater) request.setHeader("baggage", baggage);
    request.end();
  });
}

/** What was said of the destination `downstream`, which Node 22 does not show over node:http. */
function linesOfDownstream(): readonly string[] {
  return log.lines.map((line) => line.replace("an unknown destination", downstream.origin));
}

const clients: readonly (readonly [name: string, call: (url: string) => Promise<unknown>])[] = [
  ["fetch", (url) => fetch(url, { headers: { baggage } })],
  ["undici", (url) => request8(url, { dispatcher: new Agent(), headers: { baggage } })],
  ["node:http", (url) => httpGet(url, false)],
  ["node:http's setHeader", (url) => httpGet(url, true)],
];

describe("own members that are taken off a request which no wrapped client makes", () => {
  test.each(clients)(
    "TKO-01 are a warning by %s where the experiments are strict, with what to write",
    async (name, call) => {
      // Node 22 does not show the port of a request of node:http, so its destination is unknown.
      const hidesPort = name.startsWith("node:http") && process.versions.node.startsWith("22.");
      const where = hidesPort ? "an unknown destination" : downstream.origin;
      create({ strict: true });
      await call(`${downstream.origin}/cart?secret=1`);
      await call(downstream.origin);
      expect(downstream.baggage()).toEqual([["user=1"], ["user=1"]]);
      expect(log.lines).toEqual([
        `warn: otel-experiments: own members were taken off a request to ${where}; experimentFetch, experimentInterceptor and instrumentOutgoing write those of the current scope; in a test, send the header that testHeaders of otel-experiments/testing gives`,
      ]);
    },
  );

  test.each(clients)("TKO-02 are information by %s where they are not", async (_name, call) => {
    create({ strict: false });
    await call(downstream.origin);
    expect(linesOfDownstream()).toEqual([
      `info: otel-experiments: own members were taken off a request to ${downstream.origin}; experimentFetch, experimentInterceptor and instrumentOutgoing write those of the current scope`,
    ]);
  });

  test("TKO-03 are information where they are own to others than the strict ones", async () => {
    create({ strict: false });
    create({ strict: true, prefix: "shop." });
    await fetch(downstream.origin, { headers: { baggage } });
    expect(log.lines.map((line) => line.split(":", 1)[0])).toEqual(["info"]);
  });

  test("TKO-04 are not spoken of where there are none: others' baggage, or the header of a test", async () => {
    const experiments = create({ strict: true });
    const headers = { ...testHeaders(experiments, { checkout: "express" }), baggage: "user=1" };
    await fetch(downstream.origin, { headers });
    expect(log.lines).toEqual([]);
  });

  test("TKO-05 are not spoken of where a wrapped client writes the scope's own in their place", async () => {
    const experiments = create({ strict: true, trustInbound: true, propagateTo: [downstream.origin] });
    const wrapped = experimentFetch(experiments);
    const carrier = { baggage: "experiment.checkout.variant=control,experiment.checkout.id=checkout_1" };
    await experiments.run(carrier, () => wrapped(downstream.origin, { headers: { baggage } }), { trusted: true });
    expect(downstream.baggage()).toEqual([[`user=1,${carrier.baggage}`]]);
    expect(log.lines).toEqual([]);
  });
});
