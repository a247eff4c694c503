import { defineExperiments, type VariantOf } from "otel-experiments";

/** What the shop tries out. All of its services share this file, so that a misspelt variant does not compile. */
export const shopExperiments = defineExperiments({
  checkout: { id: "checkout_redesign_2026q1", variants: ["control", "single_page", "express"] },
});

export type CheckoutVariant = VariantOf<typeof shopExperiments, "checkout">;
