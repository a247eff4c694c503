import { defineExperiments } from "otel-experiments";

/** The shop's experiments. All its services share this file, so a misspelt key or variant does not compile. */
export const shopExperiments = defineExperiments({
  checkout: { id: "checkout_redesign_2026q1", variants: ["control", "single_page", "express"] },
  shipping_banner: { id: "shipping_banner_2026q1", variants: ["control", "free_shipping"] },
});
