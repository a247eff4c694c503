import { createExperiments } from "otel-experiments";

export const experiments = createExperiments({
  experiments: { checkout: { id: "checkout_redesign_2026q1", variants: ["control", "one_click"] } },
  trustInbound: ["127.0.0.0/8", "::1"],
  strict: true,
});
