// The fraud service, with Koa: a deterministic rule says whether an order is suspected.
import { createServer } from "node:http";
import { bodyParser } from "@koa/bodyparser";
import { Router } from "@koa/router";
import Koa from "koa";
import { createExperiments } from "otel-experiments";
import { koaExperiments } from "otel-experiments/koa";
import { z } from "zod";
import { shopExperiments } from "../experiments.ts";
import { Failure } from "../failure.ts";
import { answerKoaFailure } from "../failure-answers.ts";
import { serve, trustedNetworks } from "../service.ts";
import { shutdownTelemetry } from "./telemetry.ts";

const experiments = createExperiments({
  experiments: shopExperiments,
  primary: "checkout",
  trustInbound: trustedNetworks(),
});

const HOME_COUNTRY = "DE";
/** An order above this amount, without tax, that goes abroad is suspected. */
const ABROAD_LIMIT_CENTS = 100_000;
const SUSPECTED_DOMAIN = "fraud.example";

const fraudRequest = z.object({ country: z.string(), email: z.string(), amountCents: z.int().nonnegative() });

const router = new Router();
router.get("/healthz", (ctx) => {
  ctx.status = 204;
});
router.post("/assessments", (ctx) => {
  const { country, email, amountCents } = fraudRequest.parse(ctx.request.body);
  const abroad = country !== HOME_COUNTRY && amountCents > ABROAD_LIMIT_CENTS;
  if (abroad || email.toLowerCase().endsWith(`@${SUSPECTED_DOMAIN}`)) {
    throw new Failure("fraud_suspected", "We cannot accept this order. Please contact us.");
  }
  ctx.body = { accepted: true };
});

const app = new Koa();
app.use(koaExperiments(experiments));
app.use(answerKoaFailure);
app.use(bodyParser());
app.use(router.routes());

const handle = app.callback();
await serve(
  createServer((request, response) => void handle(request, response)),
  () => experiments.close(),
  shutdownTelemetry,
);
