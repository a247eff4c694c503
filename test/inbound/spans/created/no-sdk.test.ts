import { metrics } from "@opentelemetry/api";
import { createExperiments } from "otel-experiments";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { send } from "../../../../testing/wire/client.ts";
import { recordDiag } from "../../../support/diag.ts";
import { creatingHarnesses } from "../../../support/frameworks/creating.ts";
import type { PointReader } from "../../../support/points.ts";
import { startPoints } from "../../../support/points.ts";
import { describeWithoutServerSpan } from "../server-span-cases.ts";

const diagnostics = recordDiag();
const harnesses = creatingHarnesses();
let reader: PointReader;

beforeEach(() => {
  reader = startPoints();
});
afterAll(() => metrics.disable());

describeWithoutServerSpan(harnesses.map((harness) => ({ harness, active: "none", rpcMetadata: "none" })));

describe.each(harnesses)("without a tracer provider, $name", (harness) => {
  test("CSN-01 measures each request once, with the variant and without one, mounted once or twice", async () => {
    const experiments = createExperiments({
      experiments: { checkout: { id: "checkout_redesign_2026q1", variants: ["control", "express"] } },
      trustInbound: true,
    });
    const server = await harness.serve({
      mount: [experiments, experiments],
      handler: ({ reply }) => reply(200, "ok"),
    });
    await send(server.port, { lines: ["baggage: experiment.checkout.variant=express"] });
    await send(server.port, { lines: ["baggage: experiment.checkout.variant=express"] });
    await send(server.port);
    await server.close();
    await experiments.close();
    const points = await reader.points("http.server.request.duration");
    expect(points.map(({ attributes, count }) => [attributes["experiment.variant"], count])).toEqual([
      ["express", 2],
      ["none", 1],
    ]);
    expect(points[0]?.attributes).toMatchObject({ "http.request.method": "GET", "http.response.status_code": 200 });
  });

  test("CSN-02 measures with the MeterProvider that is set while it serves", async () => {
    metrics.disable();
    const experiments = createExperiments({ trustInbound: true });
    const server = await harness.serve({ mount: [experiments], handler: ({ reply }) => reply(200, "ok") });
    await send(server.port);
    reader = startPoints();
    await send(server.port);
    await server.close();
    await experiments.close();
    const counts = (await reader.points("http.server.request.duration")).map(({ count }) => count);
    expect(counts).toEqual([1]);
  });
});

test("CSN-03 nobody was told of a server span that is missing where there is no SDK", () => {
  expect(diagnostics.take().filter((line) => line.includes("server span"))).toEqual([]);
});
