import { runWith } from "otel-experiments/testing";
import { expect, test } from "vitest";
import { renderCart } from "./cart.ts";

test("the cart sells with one click", async () => {
  expect(await runWith({ checkout: "one_click" }, () => renderCart())).toContain("Buy now");
});

test("without a variant the cart is the old one", async () => {
  expect(await runWith({}, () => renderCart())).toContain("Go to checkout");
});
