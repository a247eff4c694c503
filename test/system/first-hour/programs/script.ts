import { createExperiments } from "otel-experiments";

const experiments = createExperiments({
  experiments: { checkout: { id: "checkout_1", variants: ["control", "one_click"] } },
});

experiments.use("checkout");
experiments.convert("order_placed");
await experiments.assign("checkout", undefined);
await experiments.assign("checkout", "ann");
await experiments.run({}, async () => {
  experiments.use("checkout");
  await experiments.assign("checkout", undefined);
  experiments.convert("order_placed");
});
