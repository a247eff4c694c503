import { Hono } from "hono";
import { type ExperimentsEnv, honoExperiments } from "otel-experiments/hono";
import { experiments } from "./shop-experiments.ts";

export const app = new Hono<ExperimentsEnv>();

app.use(honoExperiments(experiments));
app.get("/cart", (c) => {
  const variant = experiments.variant("checkout"); // or c.get("experiments").variant("checkout")
  return c.text(variant === "one_click" ? "one click" : `cart of ${variant ?? "nobody"}`);
});
