import express from "express";
import { createExperiments } from "otel-experiments";

const experiments = createExperiments({
  experiments: { checkout: { id: "checkout_1", variants: ["control", "one_click"] } },
});

const app = express();
app.get("/", async (req, res) => {
  await experiments.assign("checkout", req.get("x-user-id"));
  res.send("shop");
});
app.listen(process.env["PORT"]);
