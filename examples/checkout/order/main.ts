// The order service, with Fastify: places an order and its message in one transaction.
import { fastify } from "fastify";
import { createExperiments } from "otel-experiments";
import { fastifyExperiments } from "otel-experiments/fastify";
import { Pool } from "pg";
import { z } from "zod";
import { shopExperiments } from "../experiments.ts";
import { Failure } from "../failure.ts";
import { answerFastifyFailure } from "../failure-answers.ts";
import { log, PATIENCE_MS, required, serve, trustedNetworks } from "../service.ts";
import { Orders, order } from "./orders.ts";
import { shutdownTelemetry } from "./telemetry.ts";

const experiments = createExperiments({
  experiments: shopExperiments,
  primary: "checkout",
  trustInbound: trustedNetworks(),
  // The queue's consumer may know the variant.
  propagateTo: ["queue:orders"],
});

const pool = new Pool({ connectionString: required("DATABASE_URL"), connectionTimeoutMillis: PATIENCE_MS });
// A connection that breaks while nobody uses it would end the process.
pool.on("error", (err) => log.warn({ err }, "an idle database connection broke"));
const orders = new Orders(pool, experiments);

const checkout = z.object({ checkoutId: z.uuid() });

const app = fastify();
await app.register(fastifyExperiments, { experiments });
app.setErrorHandler(answerFastifyFailure);
app.get("/healthz", (_request, reply) => reply.code(204).send());

// The checkout's id is the idempotency key: asked again for the same one, this answers 200 with the same order.
app.post("/orders/:checkoutId", async (request, reply) => {
  const { checkoutId } = checkout.parse(request.params);
  const placed = await orders.create(checkoutId, order.parse(request.body));
  return reply.code(placed.created ? 201 : 200).send(placed);
});

app.get("/orders/:checkoutId", async (request) => {
  const found = await orders.find(checkout.parse(request.params).checkoutId);
  if (found === undefined) throw new Failure("invalid_request", "There is no such order.");
  return found;
});

await app.ready();
await serve(
  app.server,
  () => pool.end(),
  () => experiments.close(),
  shutdownTelemetry,
);
