// The edge of the shop, with Express. Only here a shopper is assigned to a variant.
import express from "express";
import { createExperiments } from "otel-experiments";
import { expressExperiments } from "otel-experiments/express";
import { experimentFetch } from "otel-experiments/fetch";
import { shopExperiments } from "./experiments.ts";
import { addressOf, announce } from "./service.ts";

const cart = addressOf("CART_URL");

const experiments = createExperiments({
  experiments: shopExperiments,
  // Shoppers are strangers: variants in their baggage headers are not trusted.
  trustInbound: false,
  propagateTo: [cart],
});
const fetchFromCart = experimentFetch(experiments);
const orders = experiments.meter("shop.gateway").createCounter("shop.orders", {
  unit: "{order}",
  description: "Orders that shoppers tried to place.",
});

const app = express();
app.use(expressExperiments(experiments));

app.post("/checkout/:shopper", async (request, response) => {
  const { shopper } = request.params;
  await experiments.assign("checkout", `shopper-${shopper}`);

  const answer = await fetchFromCart(`${cart}/carts/${shopper}`, { method: "POST" });
  await answer.arrayBuffer();

  orders.add(1, { "order.outcome": answer.ok ? "placed" : "failed" });
  response.sendStatus(answer.ok ? 201 : 502);
});

await announce(app.listen(0, "127.0.0.1"), experiments);
