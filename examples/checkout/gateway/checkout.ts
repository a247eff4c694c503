// The checkout: a flow of steps, each of which may fail. What a failed checkout has done is undone.
import { setTimeout as pause } from "node:timers/promises";
import { trace } from "@opentelemetry/api";
import { flow } from "otel-experiments/flow";
import { failureOf } from "../failure.ts";
import { log } from "../service.ts";
import { check } from "./checks.ts";
import { experiments } from "./edge.ts";
import type { CheckoutRequest } from "./requests.ts";
import * as services from "./services.ts";
import { CheckoutFailure, type RunStep } from "./steps.ts";

const ORDER_ATTEMPTS = 3;
const ORDER_PAUSE_MS = 100;

// The flow makes the spans checkout.process and checkout.step.*, and measures both, by variant.
const checkout = flow(experiments, "checkout");

/**
 * @param id the checkout's id, for which items are reserved, money is taken and an order is made once at most
 * @throws CheckoutFailure
 */
export function placeOrder(id: string, request: CheckoutRequest): Promise<services.Placed> {
  return checkout.run(async (step) => {
    const runStep: RunStep = (name, work) =>
      step(name, () =>
        work().catch((error: unknown) => {
          throw new CheckoutFailure(name, failureOf(error));
        }),
      );
    const attempt = new Attempt(id, request, runStep);
    try {
      return await attempt.run();
    } catch (error) {
      const placed = await step("undo", () => attempt.undo(error));
      if (placed === undefined) throw error;
      return placed;
    }
  });
}

class Attempt {
  readonly #id: string;
  readonly #request: CheckoutRequest;
  readonly #runStep: RunStep;
  /** The span of the flow, in whose function this is made. */
  readonly #span = trace.getActiveSpan();
  /** The order as it is asked for, before it is known whether there is one. */
  #expected: services.Placed | undefined;

  constructor(id: string, request: CheckoutRequest, runStep: RunStep) {
    this.#id = id;
    this.#request = request;
    this.#runStep = runStep;
  }

  async run(): Promise<services.Placed> {
    const { cartId, email, address, payment } = this.#request;
    this.#span?.setAttribute("cart.id", cartId);
    const cart = await this.#runStep("cart", () => services.validateCart(cartId));
    this.#span?.setAttribute("checkout.item_count", cart.items.length);
    this.#span?.addEvent("cart_validated", { "cart.total": cart.totalCents });

    const taxCents = await check(this.#id, this.#request, cart, this.#runStep);
    const totalCents = cart.totalCents + taxCents;
    this.#span?.setAttribute("checkout.total", totalCents);

    const { chargeId } = await this.#runStep("payment", () => services.charge(this.#id, totalCents, payment));
    this.#span?.addEvent("payment_processed", { "payment.charge_id": chargeId, "payment.amount": totalCents });

    this.#expected = { orderId: this.#id, totalCents, taxCents, created: true };
    const order = { cartId, email, address, items: cart.items, taxCents, totalCents, chargeId };
    return this.#showOrder(await this.#runStep("order", () => this.#createOrder(order)));
  }

  /** The order service may die at any time. The checkout's id makes it safe to ask again. */
  async #createOrder(order: object): Promise<services.Placed> {
    for (let attempts = 1; ; attempts++) {
      try {
        const placed = await services.createOrder(this.#id, order);
        // An earlier attempt may have placed it, and could not say so.
        return { ...placed, created: placed.created || attempts > 1 };
      } catch (error) {
        if (failureOf(error).code !== "unavailable" || attempts === ORDER_ATTEMPTS) throw error;
        await pause(ORDER_PAUSE_MS * attempts);
      }
    }
  }

  /**
   * Releases the items, and gives back the money.
   *
   * @returns the order, if there is one all the same: the items are sold then, and are not released
   */
  async undo(error: unknown): Promise<services.Placed | undefined> {
    try {
      const { state } = await services.release(this.#id);
      if (state === "sold") return this.#showOrder(this.#expected ?? (await services.findOrder(this.#id)));
      if (mayBeCharged(error)) await services.cancelCharge(this.#id);
    } catch (err) {
      // The reservation expires by itself. A charge without an order has to be looked after.
      log.error({ err, "checkout.id": this.#id }, "the checkout could not be undone");
    }
    return undefined;
  }

  #showOrder(placed: services.Placed): services.Placed {
    this.#span?.addEvent("order_created", { "order.id": placed.orderId });
    return placed;
  }
}

/** After a time-out nobody knows; the provider declines such a charge if it comes later. */
function mayBeCharged(error: unknown): boolean {
  if (!(error instanceof CheckoutFailure)) return false;
  const isUnknown = error.code === "provider_timeout" || error.code === "unavailable";
  return error.step === "order" || (error.step === "payment" && isUnknown);
}
