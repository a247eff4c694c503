import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeEach, expect, test } from "vitest";
import { openRequest } from "../../support/opened-request.ts";
import { startStage } from "../../unit/flow/stage.ts";
import { placeOrder } from "./checkout-flow.ts";
import { done, experiments, instead } from "./shop.ts";

const stage = startStage();
const BASKET = { items: ["book"] };
const NEVER = new AbortController().signal;

beforeEach(() => {
  stage.clear();
  instead.clear();
  done.splice(0);
});

afterAll(async () => {
  await experiments.close();
  await stage.stop();
});

/** One order in a request that has the variant `express`, and was exposed to it. */
function order(basket: typeof BASKET, gone = NEVER): Promise<unknown> {
  return openRequest(experiments).run(() => {
    experiments.record("checkout", "express");
    experiments.expose("checkout");
    return placeOrder(basket, gone);
  });
}

async function conversions(): Promise<readonly number[]> {
  return (await stage.points("experiment.conversions")).map(({ value }) => value);
}

test("DOC-F1 the code of docs/flow.md is the code that runs here", () => {
  const page = readFileSync(join(import.meta.dirname, "../../../docs/flow.md"), "utf8");
  const [block] = [...page.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = ""]) => code);
  expect(readFileSync(join(import.meta.dirname, "checkout-flow.ts"), "utf8")).toBe(block);
});

test("DOC-F2 the checkout of docs/flow.md succeeds, converts, and shows five steps with the variant", async () => {
  expect(await order(BASKET)).toEqual({ items: ["book"], shipping: 3 });
  expect(done).toEqual(["reserve", "quote", "charge", "confirm"]);
  expect(stage.span("checkout.process").attributes).toEqual({
    "checkout.step": "sending_confirmation",
    "checkout.status": "success",
    "experiment.id": "checkout_1",
    "experiment.variant": "express",
  });
  expect(stage.tracing.spans()).toHaveLength(6);
  expect(await conversions()).toEqual([1]);
});

test("DOC-F3 the checkout of docs/flow.md goes on without a quote and without a confirmation", async () => {
  for (const name of ["quote", "confirm"]) instead.set(name, () => Promise.reject(new Error(name)));
  expect(await order(BASKET)).toEqual({ items: ["book"], shipping: 5 });
  expect(await conversions()).toEqual([1]);
});

test("DOC-F4 the checkout of docs/flow.md releases its stock where the payment fails or the shopper has gone", async () => {
  const declined = new Error("card declined");
  instead.set("charge", () => Promise.reject(declined));
  await expect(order(BASKET)).rejects.toBe(declined);
  expect(done).toEqual(["reserve", "quote", "charge", "release"]);
  expect(stage.span("checkout.process").attributes["checkout.failure_step"]).toBe("processing_payment");

  stage.clear();
  done.splice(0);
  const gone = new AbortController();
  instead.set("charge", () => {
    gone.abort();
    return new Promise(() => {});
  });
  await expect(order(BASKET, gone.signal)).rejects.toThrow("aborted");
  expect(done).toEqual(["reserve", "quote", "charge", "release"]);
  expect(stage.span("checkout.process").attributes).toMatchObject({
    "checkout.status": "aborted",
    "checkout.failure_step": "processing_payment",
    "checkout.step": "releasing_stock",
  });
  expect(await conversions()).toEqual([]);
});

test("DOC-F5 the checkout of docs/flow.md fails where the basket is empty", async () => {
  await expect(order({ items: [] })).rejects.toThrow(RangeError);
  expect(stage.span("checkout.process").attributes["checkout.failure_step"]).toBe("validating_cart");
});
