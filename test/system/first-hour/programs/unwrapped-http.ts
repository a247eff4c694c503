import http from "node:http";
import express from "express";
import { createExperiments } from "otel-experiments";
import { expressExperiments } from "otel-experiments/express";

const shop = `http://127.0.0.1:${process.env["PORT"]}`;
const experiments = createExperiments({
  experiments: { checkout: { id: "checkout_1", variants: ["control", "one_click"] } },
  propagateTo: [shop],
});

const app = express();
app.get("/cart", (_req, res) => {
  res.send("cart");
});
app.use(expressExperiments(experiments, { subject: (req) => req.get("x-user-id"), assign: ["checkout"] }));
app.get("/", (_req, res) => {
  http.get(`${shop}/cart`, (cart) => cart.pipe(res));
});
app.listen(process.env["PORT"]);
