import { createHash, randomUUID } from "node:crypto";
import { z } from "zod";

const text = z.string().trim().min(1).max(200);

export const cartRequest = z.object({
  items: z
    .array(z.object({ productId: z.string().max(64), quantity: z.int().min(1).max(99) }))
    .min(1)
    .max(50),
});

export const checkoutRequest = z.object({
  cartId: z.uuid(),
  email: z.email().max(200),
  address: z.object({
    name: text,
    street: text,
    city: text,
    postalCode: text,
    country: z.string().regex(/^[A-Z]{2}$/),
  }),
  payment: z.discriminatedUnion("method", [
    z.object({
      method: z.literal("card"),
      number: z.string().regex(/^[\d ]{12,23}$/),
      expiry: z.string().regex(/^\d\d ?\/ ?\d\d$/),
      cvc: z.string().regex(/^\d{3,4}$/),
    }),
    z.object({ method: z.literal("stored") }),
  ]),
});

export type CheckoutRequest = z.infer<typeof checkoutRequest>;

const MAX_KEY_LENGTH = 255;

/**
 * The id of a checkout: the reservation, the charge and the order are made once for each. The same cart and the same key
 * give the same id in every process; without a key, each call is a checkout of its own.
 */
export function checkoutIdOf(cartId: string, key: string | undefined): string {
  if (key === undefined || key === "") return randomUUID();
  const hex = createHash("sha256")
    .update(`${cartId} ${key.slice(0, MAX_KEY_LENGTH)}`)
    .digest("hex");
  // A UUID of version 8, which RFC 9562 leaves to the application.
  const parts = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ];
  return parts.join("-");
}
