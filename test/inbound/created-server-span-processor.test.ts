import { fastify } from "fastify";
import { createExperiments } from "otel-experiments";
import { fastifyExperiments } from "otel-experiments/fastify";
import { ExperimentSpanProcessor } from "otel-experiments/sdk";
import { expect, test } from "vitest";
import { send } from "../../testing/wire/client.ts";
import { experimentAttributes, isServerSpan, startTracing } from "./harness/tracing.ts";

const tracing = startTracing([], undefined, [new ExperimentSpanProcessor()]);

test("CSX-01 the span of an injected request has nothing of the request that injects it", async () => {
  const experiments = createExperiments({ trustInbound: true });
  const app = fastify({ forceCloseConnections: true });
  await app.register(fastifyExperiments, { experiments, serverSpan: "create" });
  app.get("/inner", async () => experiments.variant("checkout") ?? "none");
  app.get("/outer", async () => (await app.inject("/inner")).body);
  const port = Number(new URL(await app.listen({ port: 0, host: "127.0.0.1" })).port);
  const { body } = await send(port, { path: "/outer", lines: ["baggage: experiment.checkout.variant=express"] });
  expect(body).toBe("none");
  await tracing.serverSpans(2);
  await app.close();
  await experiments.close();
  const attributes = tracing
    .spans()
    .filter(isServerSpan)
    .map((span) => [span.attributes["url.path"], experimentAttributes(span.attributes)]);
  expect(attributes).toEqual([
    ["/inner", {}],
    ["/outer", { "experiment.checkout.variant": "express", "experiment.variant": "express" }],
  ]);
});
