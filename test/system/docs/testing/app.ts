import express from "express";
import { expressExperiments } from "otel-experiments/express";
import { renderCart } from "./cart.ts";
import { experiments } from "./experiments.ts";

export const app = express();
app.use(expressExperiments(experiments));
app.get("/cart", async (_req, res) => {
  res.send(await renderCart());
});
