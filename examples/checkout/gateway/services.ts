// The services behind the gateway, one function for each call.
import { experimentFetch } from "otel-experiments/fetch";
import { z } from "zod";
import { callService } from "../call.ts";
import { PATIENCE_MS } from "../service.ts";
import { experiments, origins } from "./edge.ts";
import type { CheckoutRequest } from "./requests.ts";

/** Passes the variant on to the origins of `propagateTo`, and makes CLIENT spans. */
const fetch = experimentFetch(experiments, { spans: true });

/** The payment service may ask the provider three times. */
const PAYMENT_TIMEOUT_MS = 3 * PATIENCE_MS;

const product = z.object({ id: z.string(), name: z.string(), description: z.string(), priceCents: z.int() });

const cart = z.object({
  cartId: z.string(),
  items: z.array(z.object({ productId: z.string(), name: z.string(), quantity: z.int(), priceCents: z.int() })),
  totalCents: z.int(),
});

const placed = z.object({
  orderId: z.string(),
  totalCents: z.int(),
  taxCents: z.int(),
  created: z.boolean(),
});

export type Cart = z.infer<typeof cart>;
export type Placed = z.infer<typeof placed>;

export function products(): Promise<z.infer<typeof product>[]> {
  return callService(fetch, { url: `${origins.cart}/products`, answer: z.array(product) });
}

export function stock(): Promise<Record<string, number>> {
  return callService(fetch, { url: `${origins.inventory}/stock`, answer: z.record(z.string(), z.int()) });
}

export function storedMethod(): Promise<{ brand: string; last4: string }> {
  const answer = z.object({ brand: z.string(), last4: z.string() });
  return callService(fetch, { url: `${origins.payment}/stored-method`, answer });
}

export function createCart(body: object): Promise<Cart> {
  return callService(fetch, { url: `${origins.cart}/carts`, body, answer: cart });
}

export function validateCart(cartId: string): Promise<Cart> {
  return callService(fetch, { url: `${origins.cart}/carts/${cartId}/validation`, body: {}, answer: cart });
}

/** By way of the cart, which knows its items. */
export function reserve(cartId: string, checkoutId: string): Promise<{ expiresAt: string }> {
  const url = `${origins.cart}/carts/${cartId}/reservations/${checkoutId}`;
  return callService(fetch, { url, body: {}, answer: z.object({ expiresAt: z.string() }) });
}

export function release(checkoutId: string): Promise<{ state: "released" | "sold" }> {
  const url = `${origins.inventory}/reservations/${checkoutId}/release`;
  return callService(fetch, { url, body: {}, answer: z.object({ state: z.enum(["released", "sold"]) }) });
}

export function taxOn(country: string, amountCents: number): Promise<{ taxCents: number }> {
  const answer = z.object({ taxCents: z.int() });
  return callService(fetch, { url: `${origins.tax}/tax`, body: { country, amountCents }, answer });
}

export function assessFraud(body: { country: string; email: string; amountCents: number }): Promise<unknown> {
  return callService(fetch, { url: `${origins.fraud}/assessments`, body, answer: z.unknown() });
}

export function charge(
  checkoutId: string,
  amountCents: number,
  payment: CheckoutRequest["payment"],
): Promise<{ chargeId: string }> {
  return callService(fetch, {
    url: `${origins.payment}/payments/${checkoutId}`,
    body: { amountCents, currency: "EUR", payment },
    timeoutMs: PAYMENT_TIMEOUT_MS,
    answer: z.object({ chargeId: z.string() }),
  });
}

export function cancelCharge(checkoutId: string): Promise<unknown> {
  const url = `${origins.payment}/payments/${checkoutId}/cancellation`;
  return callService(fetch, { url, body: {}, answer: z.unknown() });
}

export function createOrder(checkoutId: string, body: object): Promise<Placed> {
  return callService(fetch, { url: `${origins.order}/orders/${checkoutId}`, body, answer: placed });
}

export function findOrder(checkoutId: string): Promise<Placed> {
  return callService(fetch, { url: `${origins.order}/orders/${checkoutId}`, answer: placed });
}
