import { experiments } from "./edge.ts";
import type { CheckoutRequest } from "./requests.ts";
import * as services from "./services.ts";
import type { RunStep } from "./steps.ts";

/**
 * What is done before money is taken: items are reserved, the tax is calculated, fraud is excluded. Here the variants
 * differ in the code that runs.
 *
 * @returns the tax
 */
export async function check(
  checkoutId: string,
  { cartId, email, address: { country } }: CheckoutRequest,
  { totalCents: amountCents }: services.Cart,
  runStep: RunStep,
): Promise<number> {
  const reserve = () => runStep("inventory", () => services.reserve(cartId, checkoutId));
  const tax = () => runStep("tax", () => services.taxOn(country, amountCents));
  const fraud = () => runStep("fraud", () => services.assessFraud({ country, email, amountCents }));

  const variant = experiments.use("checkout");
  if (variant === "single_page" || variant === "express") {
    const all = [reserve(), tax(), fraud()] as const;
    // As long as one of them runs, what it does cannot be undone. So a failure waits for the others.
    await Promise.allSettled(all);
    const [, { taxCents }] = await Promise.all(all);
    return taxCents;
  }

  await reserve();
  const { taxCents } = await tax();
  await fraud();
  return taxCents;
}
