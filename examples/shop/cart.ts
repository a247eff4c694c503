// The cart service, with Koa. It reads the variant, and passes it on to the payment service.
import { setTimeout as pause } from "node:timers/promises";
import Koa from "koa";
import { createExperiments } from "otel-experiments";
import { koaExperiments } from "otel-experiments/koa";
import { experimentInterceptor } from "otel-experiments/undici";
import { Agent, request } from "undici";
import { type CheckoutVariant, shopExperiments } from "./experiments.ts";
import { addressOf, announce } from "./service.ts";

const payment = addressOf("PAYMENT_URL");

const experiments = createExperiments({
  experiments: shopExperiments,
  // The gateway's network. Variants from there are trusted.
  trustInbound: ["127.0.0.1/32"],
  propagateTo: [payment],
});
const agent = new Agent();
const experimentAgent = agent.compose(experimentInterceptor(experiments));
const value = experiments.meter("shop.cart").createHistogram("cart.value", {
  unit: "{EUR}",
  description: "What is in a cart at checkout.",
  advice: { explicitBucketBoundaries: [10, 20, 50, 100, 200] },
});

/** The time to work on a cart. The old checkout has three pages, so it takes longest. */
const WORK_MS: Readonly<Record<CheckoutVariant, number>> = { control: 45, single_page: 25, one_click: 10 };

const app = new Koa();
app.use(koaExperiments(experiments));

app.use(async (context) => {
  const order = Number(/^\/carts\/(\d+)$/.exec(context.path)?.[1]);
  const variant = experiments.variant("checkout") ?? "control";
  const total = 20 + (order % 50);
  value.record(total);
  await pause(WORK_MS[variant] + (order % 10));

  const { statusCode, body } = await request(`${payment}/payments`, {
    dispatcher: experimentAgent,
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ order, total }),
  });
  await body.dump();
  context.status = statusCode === 201 ? 201 : 502;
});

await announce(app.listen(0, "127.0.0.1"), agent, experiments);
