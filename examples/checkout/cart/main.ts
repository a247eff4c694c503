// The cart service, with Koa: the catalogue, and what shoppers have put into their carts.
import { createServer } from "node:http";
import { bodyParser } from "@koa/bodyparser";
import { Router } from "@koa/router";
import Koa from "koa";
import { createExperiments } from "otel-experiments";
import { experimentFetch } from "otel-experiments/fetch";
import { koaExperiments } from "otel-experiments/koa";
import { Pool } from "pg";
import { z } from "zod";
import { callService } from "../call.ts";
import { shopExperiments } from "../experiments.ts";
import { answerKoaFailure } from "../failure-answers.ts";
import { log, originOf, PATIENCE_MS, required, serve, trustedNetworks } from "../service.ts";
import { Carts, contents } from "./carts.ts";
import { shutdownTelemetry } from "./telemetry.ts";

const inventory = originOf("INVENTORY_URL");
const experiments = createExperiments({
  experiments: shopExperiments,
  primary: "checkout",
  trustInbound: trustedNetworks(),
  propagateTo: [inventory],
});
const fetchWithVariant = experimentFetch(experiments, { spans: true });

const pool = new Pool({ connectionString: required("DATABASE_URL"), connectionTimeoutMillis: PATIENCE_MS });
// A connection that breaks while nobody uses it would end the process.
pool.on("error", (err) => log.warn({ err }, "an idle database connection broke"));
const carts = new Carts(pool);

const cartId = z.uuid();
const checkoutId = z.uuid();

const router = new Router();
router.get("/healthz", (ctx) => {
  ctx.status = 204;
});
router.get("/products", async (ctx) => {
  ctx.body = await carts.products();
});
router.post("/carts", async (ctx) => {
  ctx.body = await carts.create(contents.parse(ctx.request.body));
  ctx.status = 201;
});
router.post("/carts/:id/validation", async (ctx) => {
  ctx.body = await carts.validate(cartId.parse(ctx.params["id"]));
});
// The cart knows what is in it, so it is the one that asks inventory.
router.post("/carts/:id/reservations/:checkout", async (ctx) => {
  const items = await carts.items(cartId.parse(ctx.params["id"]));
  ctx.body = await callService(fetchWithVariant, {
    url: `${inventory}/reservations/${checkoutId.parse(ctx.params["checkout"])}`,
    body: { items: items.map(({ productId, quantity }) => ({ productId, quantity })) },
    answer: z.object({ expiresAt: z.string() }),
  });
});

const app = new Koa();
app.use(koaExperiments(experiments));
app.use(answerKoaFailure);
app.use(bodyParser());
app.use(router.routes());

const handle = app.callback();
await serve(
  createServer((request, response) => void handle(request, response)),
  () => pool.end(),
  () => experiments.close(),
  shutdownTelemetry,
);
