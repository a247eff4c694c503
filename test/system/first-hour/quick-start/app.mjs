import express from "express";
import { createExperiments } from "otel-experiments";
import { expressExperiments } from "otel-experiments/express";

const experiments = createExperiments({
  experiments: { checkout: { id: "checkout_2026q1", variants: ["control", "one_click"] } },
});

const app = express();
app.use(expressExperiments(experiments, { subject: (req) => req.get("x-user-id"), assign: ["checkout"] }));
app.get("/", (req, res) => res.send(`${experiments.use("checkout")}\n`));
app.listen(process.env.PORT ?? 8080);
