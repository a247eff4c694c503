import http from "node:http";
import { createExperiments } from "otel-experiments";

const experiments = createExperiments({
  experiments: { checkout: { id: "checkout_1", variants: ["control", "one_click"] } },
});

http
  .createServer((_req, res) => {
    res.end(experiments.use("checkout") ?? "none");
  })
  .listen(process.env["PORT"]);
