// The tax service, with Fastify: the tax on an order, by the country of the address.
import { fastify } from "fastify";
import { createExperiments } from "otel-experiments";
import { fastifyExperiments } from "otel-experiments/fastify";
import { z } from "zod";
import { shopExperiments } from "../experiments.ts";
import { answerFastifyFailure } from "../failure-answers.ts";
import { serve, trustedNetworks } from "../service.ts";
import { shutdownTelemetry } from "./telemetry.ts";

const experiments = createExperiments({
  experiments: shopExperiments,
  primary: "checkout",
  trustInbound: trustedNetworks(),
});

/** In per cent. Elsewhere the shop charges no tax. */
const RATES: ReadonlyMap<string, number> = new Map([
  ["DE", 19],
  ["FR", 20],
  ["NL", 21],
]);

const taxRequest = z.object({ country: z.string(), amountCents: z.int().nonnegative() });

const app = fastify();
await app.register(fastifyExperiments, { experiments });
app.setErrorHandler(answerFastifyFailure);
app.get("/healthz", (_request, reply) => reply.code(204).send());

app.post("/tax", (request) => {
  const { country, amountCents } = taxRequest.parse(request.body);
  const rate = RATES.get(country) ?? 0;
  // Integers alone, so that half a cent is rounded up exactly.
  return { rate, taxCents: Math.floor((amountCents * rate + 50) / 100) };
});

await app.ready();
await serve(app.server, () => experiments.close(), shutdownTelemetry);
