import { flow } from "otel-experiments/flow";
import * as shop from "./shop.ts";

const checkout = flow(shop.experiments, "checkout", { converts: "order_placed" }); // once, at set-up

export function placeOrder(basket: shop.Basket, gone: AbortSignal): Promise<shop.Order> {
  return checkout.run(
    async (step) => {
      const cart = await step("validating_cart", () => shop.validate(basket));
      const [stock, shipping = shop.STANDARD_SHIPPING] = await Promise.all([
        step("reserving_stock", ({ signal }) => shop.reserve(cart, signal)),
        step("calculating_shipping", ({ signal }) => shop.quote(cart, signal), { optional: true }), // undefined if it fails
      ]);
      try {
        await step("processing_payment", ({ signal }) => shop.charge(cart, signal), { timeLimitMs: 5_000 });
      } catch (error) {
        await step("releasing_stock", () => shop.release(stock), { evenIfAborted: true });
        throw error;
      }
      await step("sending_confirmation", () => shop.confirm(cart), { optional: true });
      return { ...cart, shipping };
    },
    { signal: gone },
  );
}
