// The payment service, with Fastify. It reads the variant, and calls the bank, which must not get it.
import { setTimeout as pause } from "node:timers/promises";
import { fastify } from "fastify";
import { createExperiments } from "otel-experiments";
import { fastifyExperiments } from "otel-experiments/fastify";
import { experimentFetch } from "otel-experiments/fetch";
import { type CheckoutVariant, shopExperiments } from "./experiments.ts";
import { addressOf, announce } from "./service.ts";

const bank = addressOf("BANK_URL");

const experiments = createExperiments({
  experiments: shopExperiments,
  trustInbound: ["127.0.0.1/32"],
  // The bank is not named here. So calls to it carry the trace but no variant, with any client.
  propagateTo: [],
});
const fetchFromBank = experimentFetch(experiments);
const processing = experiments.meter("shop.payment").createHistogram("payment.processing.duration", {
  unit: "s",
  description: "From the order to the bank's answer.",
  advice: { explicitBucketBoundaries: [0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.25, 0.5, 1] },
});

/** Stored cards are quick to check, but one in eight has expired. */
const CARDS: Readonly<Record<CheckoutVariant, { checkMs: number; oneFailsIn: number }>> = {
  control: { checkMs: 20, oneFailsIn: 50 },
  single_page: { checkMs: 20, oneFailsIn: 25 },
  one_click: { checkMs: 8, oneFailsIn: 8 },
};

const app = fastify();
await app.register(fastifyExperiments, { experiments });

app.post<{ Body: { order: number; total: number } }>("/payments", async (request, reply) => {
  const { order, total } = request.body;
  const card = CARDS[experiments.variant("checkout") ?? "control"];
  const start = performance.now();

  await pause(card.checkMs + (order % 6));
  const charge = await fetchFromBank(`${bank}/charges`, { method: "POST", body: String(total) });
  await charge.arrayBuffer();

  processing.record((performance.now() - start) / 1000, { "payment.method": "card" });
  return reply.code(charge.ok && order % card.oneFailsIn !== 0 ? 201 : 502).send();
});

await app.listen({ host: "127.0.0.1", port: 0 });
await announce(app.server, experiments);
