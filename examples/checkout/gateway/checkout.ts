// The checkout: a flow of steps, each of which may fail. What a failed one has done is undone.
import { setTimeout as pause } from "node:timers/promises";
import { type Span, trace } from "@opentelemetry/api";
import { flow } from "otel-experiments/flow";
import { Failure, failureOf } from "../failure.ts";
import { log } from "../service.ts";
import { experiments } from "./edge.ts";
import type { CheckoutRequest } from "./requests.ts";
import * as services from "./services.ts";

/** The steps that can fail a checkout. */
export type StepName = "cart" | "inventory" | "tax" | "fraud" | "payment" | "order";

/** Why a checkout failed, and in which step. */
export class CheckoutFailure extends Failure {
  readonly step: StepName;

  constructor(step: StepName, { code, message, cause }: Failure) {
    super(code, message, { cause });
    this.step = step;
  }
}

/** Runs a step of a checkout. */
type Run = <T>(name: StepName, work: () => Promise<T>) => Promise<T>;

const checkout = flow(experiments, "checkout");

/** @throws CheckoutFailure */
export function placeOrder(checkoutId: string, request: CheckoutRequest): Promise<services.Placed> {
  return checkout.run(async (step) => {
    const span = trace.getActiveSpan();
    span?.setAttribute("cart.id", request.cartId);
    const run: Run = (name, work) =>
      step(name, async () => {
        try {
          return await work();
        } catch (error) {
          throw new CheckoutFailure(name, failureOf(error));
        }
      });
    try {
      return await attempt(checkoutId, request, run, span);
    } catch (error) {
      const placed = await step("undo", () => undo(checkoutId, error));
      if (placed === undefined) throw error;
      return placed;
    }
  });
}

async function attempt(
  checkoutId: string,
  request: CheckoutRequest,
  run: Run,
  span: Span | undefined,
): Promise<services.Placed> {
  const cart = await run("cart", () => services.validateCart(request.cartId));
  span?.setAttribute("checkout.item_count", cart.items.length);
  span?.addEvent("cart_validated", { "cart.total": cart.totalCents });

  const taxCents = await check(checkoutId, request, cart, run);
  const totalCents = cart.totalCents + taxCents;
  span?.setAttribute("checkout.total", totalCents);

  const { chargeId } = await run("payment", () => services.charge(checkoutId, totalCents, request.payment));
  span?.addEvent("payment_processed", { "payment.charge_id": chargeId, "payment.amount": totalCents });

  const { cartId, email, address } = request;
  const order = { cartId, email, address, items: cart.items, taxCents, totalCents, chargeId };
  const placed = await run("order", () => createOrder(checkoutId, order));
  span?.addEvent("order_created", { "order.id": placed.orderId });
  return placed;
}

/**
 * What all variants check before they take money. The variants differ in how.
 *
 * @returns the tax
 */
async function check(
  checkoutId: string,
  { cartId, email, address: { country } }: CheckoutRequest,
  { totalCents: amountCents }: services.Cart,
  run: Run,
): Promise<number> {
  const reserve = () => run("inventory", () => services.reserve(cartId, checkoutId));
  const tax = () => run("tax", () => services.taxOn(country, amountCents));
  const fraud = () => run("fraud", () => services.assessFraud({ country, email, amountCents }));

  const variant = experiments.use("checkout");
  if (variant === "single_page" || variant === "express") {
    const all = [reserve(), tax(), fraud()] as const;
    // What they have done can be undone when none of them runs any more, and not as soon as one has failed.
    await Promise.allSettled(all);
    const [, { taxCents }] = await Promise.all(all);
    return taxCents;
  }
  await reserve();
  const { taxCents } = await tax();
  await fraud();
  return taxCents;
}

const ORDER_ATTEMPTS = 3;
const ORDER_PAUSE_MS = 100;

/** The order service may die at any time. The checkout's id makes it safe to ask again. */
async function createOrder(checkoutId: string, order: object): Promise<services.Placed> {
  for (let attempts = 1; ; attempts++) {
    try {
      const placed = await services.createOrder(checkoutId, order);
      // If an earlier attempt has placed it and could not say so, it is still this call that did.
      return { ...placed, created: placed.created || attempts > 1 };
    } catch (error) {
      if (failureOf(error).code !== "unavailable" || attempts === ORDER_ATTEMPTS) throw error;
      await pause(ORDER_PAUSE_MS * attempts);
    }
  }
}

/**
 * Ends a checkout that has failed: the reserved items are released, and the money is given back.
 *
 * @returns the order, if there is one all the same: the items are sold then, and cannot be released
 */
async function undo(checkoutId: string, error: unknown): Promise<services.Placed | undefined> {
  try {
    const { state } = await services.release(checkoutId);
    if (state === "sold") return await services.findOrder(checkoutId);
    const step = error instanceof CheckoutFailure ? error.step : undefined;
    if (step === "payment" || step === "order") await services.cancelCharge(checkoutId);
  } catch (err) {
    // The reservation expires by itself. A charge without an order has to be looked after.
    log.error({ err, "checkout.id": checkoutId }, "the checkout could not be undone");
  }
  return undefined;
}
