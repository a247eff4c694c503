import { SpanKind } from "@opentelemetry/api";
import { ExpressInstrumentation } from "@opentelemetry/instrumentation-express";
import { KoaInstrumentation } from "@opentelemetry/instrumentation-koa";
import { createExperiments } from "otel-experiments";
import { beforeEach, describe, expect, test } from "vitest";
import { send } from "../../../../testing/wire/client.ts";
import { expressHarness } from "../../../support/frameworks/express.ts";
import { koaHarness } from "../../../support/frameworks/koa.ts";
import { requireExpress, requireKoa } from "../../../support/frameworks/required.ts";
import type { PointReader } from "../../../support/points.ts";
import { startPoints } from "../../../support/points.ts";
import { experimentAttributes, isServerSpan, startTracing } from "../../../support/tracing.ts";
import { expressApp, koaApp } from "../routed-apps.ts";
import { describeServerSpans } from "../server-span-cases.ts";

const tracing = startTracing([new ExpressInstrumentation(), new KoaInstrumentation()]);
const create = { serverSpan: "create" } as const;
let reader: PointReader;

beforeEach(() => {
  tracing.clear();
  reader = startPoints();
});

describe.each([
  {
    app: expressApp("Express 5, instrumentation-express alone", requireExpress()),
    route: "/shops/:shop/orders/:order",
  },
  { app: koaApp("Koa 3, instrumentation-koa alone", requireKoa()), route: "/shops/:shop/orders/:order" },
])("the instrumentation of a framework under a created server span, $app.name", ({ app, route }) => {
  test("CSI-01 nests below it, and names the route with the parameters of mount paths", async () => {
    const experiments = createExperiments({ trustInbound: true });
    const server = await app.serve(experiments, create);
    await send(server.port, {
      path: "/shops/acme/orders/3",
      lines: ["baggage: experiment.checkout.variant=express"],
    });
    const [span, ...more] = await tracing.serverSpans(1);
    await server.close();
    await experiments.close();
    expect(more).toEqual([]);
    expect(span?.name).toBe(`GET ${route}`);
    const inner = tracing.spans().filter(({ kind }) => kind === SpanKind.INTERNAL);
    expect(inner.length).toBeGreaterThan(0);
    const ids = new Set(tracing.spans().map((one) => one.spanContext().spanId));
    for (const one of inner) {
      expect(one.spanContext().traceId).toBe(span?.spanContext().traceId);
      expect(ids).toContain(one.parentSpanContext?.spanId);
    }
    const tagged = tracing.spans().filter(({ attributes }) => Object.keys(experimentAttributes(attributes)).length > 0);
    expect(tagged.map(isServerSpan)).toEqual([true]);
    const points = await reader.points("http.server.request.duration");
    expect(points.map(({ attributes, count }) => [attributes["http.route"], count])).toEqual([[route, 1]]);
  });
});

describeServerSpans(
  tracing,
  [
    expressHarness("Express 5, created, instrumentation-express", requireExpress(), undefined, create),
    koaHarness("Koa 3, created, instrumentation-koa", requireKoa(), create),
  ].map((harness) => ({ harness, active: "INTERNAL", rpcMetadata: "SERVER" })),
);
