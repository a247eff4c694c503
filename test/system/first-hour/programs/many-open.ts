import express from "express";
import { createExperiments } from "otel-experiments";
import { expressExperiments } from "otel-experiments/express";

const experiments = createExperiments({
  experiments: { checkout: { id: "checkout_1", variants: ["control", "one_click"] } },
});

const app = express();
app.use(expressExperiments(experiments, { subject: (req) => req.get("x-user-id"), assign: ["checkout"] }));
app.get("/", (_req, res) => {
  for (let i = 0; i < 12; i++) {
    createExperiments({ experiments: { checkout: { id: "checkout_1", variants: ["control", "one_click"] } } });
  }
  res.send("shop");
});
app.listen(process.env["PORT"]);
