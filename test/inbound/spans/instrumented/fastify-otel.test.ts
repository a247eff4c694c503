import { createExperiments } from "otel-experiments";
import { fastifyExperiments } from "otel-experiments/fastify";
import { expect, test } from "vitest";
import { send } from "../../../../testing/wire/client.ts";
import { fastifyHarness } from "../../../support/frameworks/fastify.ts";
import { fastifyOtel } from "../../../support/frameworks/fastify-otel.ts";
import { requireFastify } from "../../../support/frameworks/required.ts";
import { experimentAttributes, startTracing } from "../../../support/tracing.ts";
import { describeInjectedSpans } from "../inject-span-cases.ts";
import { describeServerSpans } from "../server-span-cases.ts";

const tracing = startTracing([]);
const fastify = requireFastify();

describeServerSpans(tracing, [
  {
    harness: fastifyHarness("Fastify, @fastify/otel alone, before us", fastify, { before: fastifyOtel }),
    active: "INTERNAL",
    rpcMetadata: "none",
    replacesContext: true,
  },
  {
    harness: fastifyHarness("Fastify, @fastify/otel alone, behind us", fastify, { after: fastifyOtel }),
    active: "INTERNAL",
    rpcMetadata: "none",
  },
]);

describeInjectedSpans(tracing, fastify, [
  { name: "@fastify/otel alone, before us", neighbours: { before: fastifyOtel }, innerSpans: true },
  { name: "@fastify/otel alone, behind us", neighbours: { after: fastifyOtel }, innerSpans: true },
]);

test.each([
  { place: "before us", neighbours: { before: fastifyOtel } },
  { place: "behind us", neighbours: { after: fastifyOtel } },
])("SP-33 has the variant where the reply is hijacked and onSend never called, @fastify/otel $place", async (row) => {
  const experiments = createExperiments({ trustInbound: true });
  const app = fastify({ forceCloseConnections: true });
  await row.neighbours.before?.(app);
  await app.register(fastifyExperiments, { experiments });
  await row.neighbours.after?.(app);
  app.get("/", (_request, reply) => {
    reply.hijack();
    reply.raw.end("hijacked");
  });
  const port = Number(new URL(await app.listen({ port: 0, host: "127.0.0.1" })).port);
  expect((await send(port, { lines: ["baggage: experiment.checkout.variant=express"] })).body).toBe("hijacked");
  const [span] = await tracing.serverSpans(1);
  await app.close();
  await experiments.close();
  expect(experimentAttributes(span?.attributes ?? {})).toEqual({
    "experiment.checkout.variant": "express",
    "experiment.variant": "express",
  });
});
