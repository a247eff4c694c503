import { metrics } from "@opentelemetry/api";
import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { MeterProvider } from "@opentelemetry/sdk-metrics";
import { createExperiments } from "otel-experiments";
import { describe, expect, test } from "vitest";
import { send } from "../../../../testing/wire/client.ts";
import { creatingHarnesses } from "../../../support/frameworks/creating.ts";
import { PointReader } from "../../../support/points.ts";
import { startTracing } from "../../../support/tracing.ts";
import { describeServerSpans } from "../server-span-cases.ts";

const http = new HttpInstrumentation();
const tracing = startTracing([http]);
const harnesses = creatingHarnesses();

describe.each(harnesses)("a server span that instrumentation-http made, on $name", (harness) => {
  test("CSR-01 is the only one, and so is its duration", async () => {
    tracing.clear();
    const reader = new PointReader();
    const provider = new MeterProvider({ readers: [reader] });
    metrics.disable();
    metrics.setGlobalMeterProvider(provider);
    http.setMeterProvider(provider);
    const experiments = createExperiments({ trustInbound: true });
    const server = await harness.serve({ mount: [experiments], handler: ({ reply }) => reply(200, "ok") });
    await send(server.port, { lines: ["baggage: experiment.checkout.variant=express"] });
    const spans = await tracing.serverSpans(1);
    await server.close();
    await experiments.close();
    expect(spans.map(({ instrumentationScope }) => instrumentationScope.name)).toEqual([
      "@opentelemetry/instrumentation-http",
    ]);
    expect(spans[0]?.attributes).toMatchObject({ "experiment.variant": "express" });
    expect((await reader.points("http.server.request.duration")).map(({ count }) => count)).toEqual([1]);
    metrics.disable();
  });
});

describeServerSpans(
  tracing,
  harnesses.map((harness) => ({ harness, active: "SERVER", rpcMetadata: "SERVER" })),
);
