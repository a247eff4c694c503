import { afterAll, expect, test } from "vitest";
import { send } from "../../../testing/wire/client.ts";
import { createOpen } from "../../support/experiments.ts";
import { fastifyHarness } from "../../support/frameworks/fastify.ts";
import { fastifyOtel } from "../../support/frameworks/fastify-otel.ts";
import { requireFastify } from "../../support/frameworks/required.ts";
import { startTracing } from "../../support/tracing.ts";
import { OneConnection } from "./one-connection.ts";

const tracing = startTracing([]);

afterAll(() => tracing.stop());

test("BND-02 without our span processor, behind @fastify/otel, callbacks have no variant, and never another's", async () => {
  const experiments = createOpen({ trustInbound: true });
  const variants = ["control", "express", "control", "express"];
  const connection = new OneConnection(variants.length);
  const seen: unknown[] = [];
  const server = await fastifyHarness("Fastify", requireFastify(), { before: fastifyOtel }).serve({
    mount: [experiments],
    async handler({ request, reply }) {
      const index = Number((request.url ?? "").slice(1));
      await new Promise<void>((resolve) => {
        connection.acquire(() => {
          seen[index] = experiments.variant("checkout") ?? variants[index];
          resolve();
        });
      });
      reply(200, "ok");
    },
  });
  await Promise.all(
    variants.map((variant, index) =>
      send(server.port, { path: `/${index}`, lines: [`baggage: experiment.checkout.variant=${variant}`] }),
    ),
  );
  await server.close();
  expect(seen).toEqual(variants);
});
