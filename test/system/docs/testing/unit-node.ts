import assert from "node:assert/strict";
import test from "node:test";
import { runWith } from "otel-experiments/testing";
import { renderCart } from "./cart.ts";

test("the cart sells with one click", async () => {
  assert.match(await runWith({ checkout: "one_click" }, () => renderCart()), /Buy now/);
});
