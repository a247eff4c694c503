import { defineExperiments, type VariantOf } from "otel-experiments";

/** The shop's experiments. All its services share this file, so a misspelt variant does not compile. */
export const shopExperiments = defineExperiments({
  checkout: { id: "checkout_redesign_2026q1", variants: ["control", "single_page", "one_click"] },
});

export type CheckoutVariant = VariantOf<typeof shopExperiments, "checkout">;
