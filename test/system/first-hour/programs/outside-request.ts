import express from "express";
import { createExperiments } from "otel-experiments";
import { expressExperiments } from "otel-experiments/express";

const experiments = createExperiments({
  experiments: { checkout: { id: "checkout_1", variants: ["control", "one_click"] } },
});

const app = express();
app.use(expressExperiments(experiments, { subject: (req) => req.get("x-user-id"), assign: ["checkout"] }));
app.get("/", (_req, res) => {
  res.send("shop");
});
setInterval(() => experiments.use("checkout"), 5);
app.listen(process.env["PORT"]);
