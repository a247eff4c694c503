import { fastify } from "fastify";
import { createExperiments } from "otel-experiments";

const experiments = createExperiments({
  experiments: { checkout: { id: "checkout_1", variants: ["control", "one_click"] } },
});

const app = fastify();
app.get("/", () => experiments.use("checkout") ?? "none");
await app.listen({ port: Number(process.env["PORT"]), host: "127.0.0.1" });
