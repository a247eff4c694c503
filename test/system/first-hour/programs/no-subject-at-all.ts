import express from "express";
import { createExperiments } from "otel-experiments";
import { expressExperiments } from "otel-experiments/express";

const experiments = createExperiments({
  experiments: { checkout: { id: "checkout_1", variants: ["control", "one_click"] } },
});

const app = express();
app.use(expressExperiments(experiments));
app.get("/", async (_req, res) => {
  await experiments.assign("checkout");
  res.send("shop");
});
app.listen(process.env["PORT"]);
