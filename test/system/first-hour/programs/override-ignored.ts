import express from "express";
import { createExperiments } from "otel-experiments";
import { expressExperiments } from "otel-experiments/express";
import { acceptOverrides } from "otel-experiments/override";

const experiments = createExperiments({
  experiments: { checkout: { id: "checkout_1", variants: ["control", "one_click"] } },
  overrides: acceptOverrides({ secrets: "a secret of the tests, long enough", audience: "staging" }),
});

const app = express();
app.use(expressExperiments(experiments, { subject: () => "ann", assign: ["checkout"] }));
app.get("/", (_req, res) => {
  res.send(experiments.use("checkout") ?? "none");
});
app.listen(process.env["PORT"]);
