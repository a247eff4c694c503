import { globSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { metrics, trace } from "@opentelemetry/api";
import { createExperiments } from "otel-experiments";
import { nodeExperiments } from "otel-experiments/node";
import { afterAll, expect, test } from "vitest";
import { send } from "../../../testing/wire/client.ts";
import { requireHttp } from "../../support/frameworks/required.ts";
import { listen } from "../../support/listening.ts";
import { logs } from "../../support/logs-api.ts";
import { logExporter, metricReader, traceExporter } from "./telemetry/exporters.ts";
import { sdk } from "./telemetry/node-sdk.ts";
import * as wrapping from "./telemetry/provider.ts";
import * as viewing from "./telemetry/views.ts";

const PAIR = { "experiment.id": "checkout_1", "experiment.variant": "express" };

requireHttp();
afterAll(() => sdk.shutdown());

test("DOT-01 the set-up of docs/opentelemetry.md puts the variant on spans, log records and measurements", async () => {
  const experiments = createExperiments({
    experiments: { checkout: { id: "checkout_1", variants: ["control", "express"] } },
    trustInbound: true,
  });
  const server = await listen(
    createServer(
      nodeExperiments(experiments, (_request, response) => {
        trace.getTracer("shop").startSpan("pay").end();
        logs.getLogger("shop").emit({ body: "paid" });
        for (const provider of [metrics.getMeterProvider(), wrapping.wrapped]) {
          provider.getMeter("shop").createCounter("orders.placed").add(1);
        }
        viewing.viewed
          .getMeter("@opentelemetry/instrumentation-http")
          .createHistogram("http.server.request.duration")
          .record(1, { "http.route": "/", "server.port": 80 });
        response.end();
      }),
    ),
  );
  await send(server.port, { lines: ["baggage: experiment.checkout.variant=express"] });
  await server.close();
  await experiments.close();
  expect(traceExporter.getFinishedSpans().find(({ name }) => name === "pay")?.attributes).toEqual(PAIR);
  expect(logExporter.getFinishedLogRecords().map(({ attributes }) => attributes)).toEqual([PAIR]);
  for (const [reader, instrument] of [
    [metricReader, "orders.placed"],
    [metricReader, "http.server.request.duration"],
    [wrapping.metricReader, "orders.placed"],
  ] as const) {
    const points = await reader.points(instrument);
    expect([instrument, points.length, points[0]?.attributes]).toEqual([instrument, 1, expect.objectContaining(PAIR)]);
  }
  expect(
    (await viewing.metricReader.points("http.server.request.duration")).map(({ attributes }) => attributes),
  ).toEqual([{ "http.route": "/", ...PAIR }]);
});

test("DOT-02 the code of docs/opentelemetry.md is the code that runs here", () => {
  const page = readFileSync(join(import.meta.dirname, "../../../docs/opentelemetry.md"), "utf8");
  const blocks = [...page.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, block = ""]) => block.trim());
  const sources = globSync("telemetry/*.ts", { cwd: import.meta.dirname }).map((file) =>
    readFileSync(join(import.meta.dirname, file), "utf8"),
  );
  expect(blocks.length).toBeGreaterThan(2);
  expect(blocks.filter((block) => !sources.some((source) => source.includes(block)))).toEqual([]);
});
