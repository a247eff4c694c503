import Koa from "koa";
import { createExperiments } from "otel-experiments";
import { koaExperiments } from "otel-experiments/koa";

const experiments = createExperiments({
  experiments: { checkout: { id: "checkout_1", variants: ["control", "one_click"] } },
});

const app = new Koa();
app.use((ctx) => {
  ctx.body = experiments.use("checkout") ?? "none";
});
app.use(koaExperiments(experiments, { subject: (ctx) => ctx.get("x-user-id"), assign: ["checkout"] }));
app.listen(process.env["PORT"]);
