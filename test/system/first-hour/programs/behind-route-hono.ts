import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { createExperiments } from "otel-experiments";
import { honoExperiments } from "otel-experiments/hono";

const experiments = createExperiments({
  experiments: { checkout: { id: "checkout_1", variants: ["control", "one_click"] } },
});

const app = new Hono();
app.get("/", (c) => c.text(experiments.use("checkout") ?? "none"));
app.use(honoExperiments(experiments, { subject: (c) => c.req.header("x-user-id"), assign: ["checkout"] }));
serve({ fetch: app.fetch, port: Number(process.env["PORT"]) });
