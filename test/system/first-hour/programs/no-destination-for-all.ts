import express from "express";
import { createExperiments } from "otel-experiments";
import { expressExperiments } from "otel-experiments/express";
import { instrumentOutgoing } from "otel-experiments/outgoing";

const experiments = createExperiments({
  experiments: { checkout: { id: "checkout_1", variants: ["control", "one_click"] } },
});

const app = express();
instrumentOutgoing(experiments);
app.get("/cart", (_req, res) => {
  res.send("cart");
});
app.use(expressExperiments(experiments, { subject: (req) => req.get("x-user-id"), assign: ["checkout"] }));
app.get("/", async (_req, res) => {
  const cart = await fetch(`http://127.0.0.1:${process.env["PORT"]}/cart`);
  res.send(await cart.text());
});
app.listen(process.env["PORT"]);
