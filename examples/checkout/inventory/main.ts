// The inventory service, with Fastify: what is in stock, and the reservations of checkouts.
import { fastify } from "fastify";
import { createExperiments } from "otel-experiments";
import { fastifyExperiments } from "otel-experiments/fastify";
import { Pool } from "pg";
import { z } from "zod";
import { shopExperiments } from "../experiments.ts";
import { answerFastifyFailure } from "../failure-answers.ts";
import { log, PATIENCE_MS, required, serve, trustedNetworks } from "../service.ts";
import { Reservations } from "./reservations.ts";
import { shutdownTelemetry } from "./telemetry.ts";

/** Reservations that nobody has released, because a process died, are given back this often. */
const SWEEP_MS = 10_000;

const experiments = createExperiments({
  experiments: shopExperiments,
  primary: "checkout",
  trustInbound: trustedNetworks(),
});

const pool = new Pool({ connectionString: required("DATABASE_URL"), connectionTimeoutMillis: PATIENCE_MS });
// A connection that breaks while nobody uses it would end the process.
pool.on("error", (err) => log.warn({ err }, "an idle database connection broke"));
const reservations = new Reservations(pool);

const checkout = z.object({ checkoutId: z.uuid() });
const order = z.object({
  items: z.array(z.object({ productId: z.string(), quantity: z.int().min(1) })).min(1),
});

const app = fastify();
await app.register(fastifyExperiments, { experiments });
app.setErrorHandler(answerFastifyFailure);
app.get("/healthz", (_request, reply) => reply.code(204).send());

app.get("/stock", () => reservations.stock());

app.post("/reservations/:checkoutId", async (request, reply) => {
  const { checkoutId } = checkout.parse(request.params);
  const { items } = order.parse(request.body);
  return reply.code(201).send(await reservations.reserve(checkoutId, items));
});

app.post("/reservations/:checkoutId/release", async (request) => {
  const { checkoutId } = checkout.parse(request.params);
  return { state: await reservations.release(checkoutId) };
});

const sweep = setInterval(() => {
  reservations.releaseExpired().catch((err: unknown) => log.warn({ err }, "the expired reservations wait"));
}, SWEEP_MS);

await app.ready();
await serve(
  app.server,
  () => clearInterval(sweep),
  () => pool.end(),
  () => experiments.close(),
  shutdownTelemetry,
);
