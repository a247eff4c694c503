import { createExperiments } from "otel-experiments";

/** The experiments of the pages about frameworks. */
export const experiments = createExperiments({
  experiments: { checkout: { id: "checkout_redesign_2026q1", variants: ["control", "single_page", "one_click"] } },
  trustInbound: ["127.0.0.0/8", "::1"],
});
