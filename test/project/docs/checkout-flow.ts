import { flow } from "otel-experiments/flow";
import * as shop from "./shop.ts";

const checkout = flow(shop.experiments, "checkout", { converts: "order_placed" }); // once, at set-up

export function placeOrder(basket: shop.Basket, gone: AbortSignal): Promise<shop.Order> {
  return checkout.run(async (step) => {
    const cart = await step("validating_cart", () => shop.validate(basket));
    const [stock, shipping] = await Promise.all([
      step("reserving_stock", () => shop.reserve(cart, gone)),
      step("calculating_shipping", () => shop.quote(cart, gone)).catch(() => shop.STANDARD_SHIPPING),
    ]);
    try {
      const limit = AbortSignal.any([gone, AbortSignal.timeout(5_000)]);
      await step("processing_payment", () => shop.charge(cart, limit));
    } catch (error) {
      await step("releasing_stock", () => shop.release(stock));
      throw error;
    }
    await step("sending_confirmation", () => shop.confirm(cart)).catch(() => undefined);
    return { ...cart, shipping };
  });
}
