import express from "express";
import { createExperiments } from "otel-experiments";
import { expressExperiments } from "otel-experiments/express";

const experiments = createExperiments({
  experiments: { checkout: { id: "checkout_1", variants: ["control", "one_click"] } },
});

const app = express();
app.use(expressExperiments(experiments, { subject: () => "ann" }));
app.get("/", (_req, res) => {
  res.send(experiments.use("checkout") ?? "none");
});
app.listen(process.env["PORT"]);
