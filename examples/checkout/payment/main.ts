// The payment service, with Express: charges a shopper through the provider, which is another company.
import { createServer } from "node:http";
import express, { type ErrorRequestHandler } from "express";
import { createExperiments } from "otel-experiments";
import { expressExperiments } from "otel-experiments/express";
import { experimentFetch } from "otel-experiments/fetch";
import { z } from "zod";
import { shopExperiments } from "../experiments.ts";
import { failureOf } from "../failure.ts";
import { originOf, serve, trustedNetworks } from "../service.ts";
import { Payments, payment } from "./payments.ts";
import { Provider } from "./provider-client.ts";
import { shutdownTelemetry } from "./telemetry.ts";

const experiments = createExperiments({
  experiments: shopExperiments,
  primary: "checkout",
  trustInbound: trustedNetworks(),
  // The provider is not named, so no call to it carries a variant, with any client.
  propagateTo: [],
});
const { PROVIDER_TIMEOUT_MS = "2000", STORED_CUSTOMER = "customer-1" } = process.env;
const provider = new Provider(originOf("PROVIDER_URL"), Number(PROVIDER_TIMEOUT_MS), {
  fetch: experimentFetch(experiments, { spans: true }),
  customer: STORED_CUSTOMER,
});
const payments = new Payments(provider, experiments.meter("checkout.payment"));

const checkoutId = z.uuid();

const app = express();
app.disable("x-powered-by");
app.get("/healthz", (_request, response) => void response.sendStatus(204));
app.use(expressExperiments(experiments));
app.use(express.json());

app.get("/stored-method", async (_request, response) => void response.json(await provider.storedMethod()));

app.post("/payments/:checkoutId", async (request, response) => {
  const id = checkoutId.parse(request.params.checkoutId);
  const chargeId = await payments.process(id, payment.parse(request.body));
  response.status(201).json({ chargeId });
});

app.post("/payments/:checkoutId/cancellation", async (request, response) => {
  await provider.cancel(checkoutId.parse(request.params.checkoutId));
  response.json({ state: "cancelled" });
});

const answerFailure: ErrorRequestHandler = (error, _request, response, _next) => {
  const failure = failureOf(error);
  response.status(failure.status).json(failure.body);
};
app.use(answerFailure);

await serve(createServer(app), () => experiments.close(), shutdownTelemetry);
