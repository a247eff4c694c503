import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeEach, expect, test, vi } from "vitest";
import { openRequest } from "../../support/opened-request.ts";
import { startStage } from "../../unit/flow/stage.ts";
import { placeOrder } from "./checkout-flow.ts";
import { orAborted } from "./or-aborted.ts";
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
  const blocks = [...page.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = ""]) => code);
  const files = ["checkout-flow.ts", "or-aborted.ts"];
  expect(blocks).toEqual(files.map((file) => readFileSync(join(import.meta.dirname, file), "utf8")));
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
  instead.set("charge", (signal) => {
    gone.abort();
    return Promise.reject(signal?.reason);
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

test("DOC-F6 orAborted of docs/flow.md rejects at once where the work does not listen, gives its result otherwise, and lets go of the signal", async () => {
  const removed = vi.spyOn(AbortSignal.prototype, "removeEventListener");
  const late = Promise.withResolvers<string>();
  const stop = new AbortController();
  const aborted = orAborted(late.promise, stop.signal);
  stop.abort();
  await expect(aborted).rejects.toBe(stop.signal.reason);
  await expect(orAborted(late.promise, stop.signal)).rejects.toBe(stop.signal.reason);
  late.resolve("paid");
  await expect(orAborted(late.promise, NEVER)).resolves.toBe("paid");
  await expect(orAborted(Promise.reject(new RangeError("no")), NEVER)).rejects.toThrow(RangeError);
  expect(removed).toHaveBeenCalledTimes(4);
  removed.mockRestore();
});
