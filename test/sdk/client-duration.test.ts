import http from "node:http";
import { context } from "@opentelemetry/api";
import { suppressTracing } from "@opentelemetry/core";
import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { MeterProvider } from "@opentelemetry/sdk-metrics";
import { createExperiments } from "otel-experiments";
import { withExperiments } from "otel-experiments/sdk";
import { afterAll, expect, test } from "vitest";
import { send } from "../../testing/wire/client.ts";
import { startWireServer } from "../../testing/wire/server.ts";
import { expressHarness } from "../support/frameworks/express.ts";
import { requireExpress } from "../support/frameworks/required.ts";
import { PointReader } from "../support/points.ts";
import { startTracing } from "../support/tracing.ts";
import { pairOf } from "./measuring.ts";

// What the HTTP instrumentation measures of node:http's clients is measured in the caller's own context, so that a View
// may name it together with that meter. What undici's instrumentation measures under the same name is refused.

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
const REQUESTS = 120;

const instrumentation = new HttpInstrumentation();
const tracing = startTracing([instrumentation]);
const reader = new PointReader();
instrumentation.setMeterProvider(
  new MeterProvider({
    readers: [reader],
    views: [
      withExperiments({
        instrumentName: "http.client.request.duration",
        meterName: "@opentelemetry/instrumentation-http",
      }),
    ],
  }),
);
const harness = expressHarness("Express", requireExpress());

afterAll(() => tracing.stop());

test("CDU-01 the duration of node:http's clients has its own request's variant through few sockets, and that of an exporter's traffic has none", async () => {
  const downstream = await startWireServer();
  const agent = new http.Agent({ keepAlive: true, maxSockets: 2 });
  const call = (method: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const request = http.request(downstream.origin, { agent, method }, (response) => {
        response.on("end", resolve).resume();
      });
      request.on("error", reject).end();
    });
  const experiments = createExperiments({ trustInbound: true });
  const server = await harness.serve({
    mount: [experiments],
    async handler({ request, reply }) {
      await new Promise((resolve) => setImmediate(resolve));
      await call(request.method ?? "GET");
      await context.with(suppressTracing(context.active()), () => call("HEAD"));
      reply(200, "ok");
    },
  });
  await Promise.all(
    Array.from({ length: REQUESTS }, (_, i) => {
      const method = METHODS[i % METHODS.length] ?? "GET";
      return send(server.port, { method, lines: [`baggage: experiment.checkout.variant=${method}`] });
    }),
  );
  await server.close();
  agent.destroy();
  await downstream.close();
  await experiments.close();

  const counts: Record<string, number> = {};
  for (const { attributes, count } of await reader.points("http.client.request.duration")) {
    const series = `${String(attributes["http.request.method"])} ${pairOf(attributes)}`;
    counts[series] = (counts[series] ?? 0) + count;
  }
  const each = REQUESTS / METHODS.length;
  expect(counts).toEqual({
    ...Object.fromEntries(METHODS.map((method) => [`${method} - ${method}`, each])),
    "HEAD - none": REQUESTS,
  });
});
