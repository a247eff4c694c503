// What is true in this shop, so that a report can be held against it. The shoppers behave by these numbers alone.

/** What the shoppers of one variant of `checkout` do. */
export interface Behaviour {
  /** The share of visitors that fill a cart and check out. */
  readonly completes: number;
  /** The share of checkouts that are paid with the stored method. It is never declined. */
  readonly paysStored: number;
  /** The share of cards that are declined for good. */
  readonly cardDeclined: number;
  /** The share of cards with too little money at the first try, and enough at the second. */
  readonly cardShort: number;
  /** A cart has from 1 to this many different products. */
  readonly products: number;
  /** The share of carts with an espresso machine, by far the dearest product. */
  readonly machines: number;
}

export type Checkout = "control" | "single_page" | "express";

export const TRUTH: Readonly<Record<Checkout, Behaviour>> = {
  control: { completes: 0.6, paysStored: 0, cardDeclined: 0.05, cardShort: 0.05, products: 3, machines: 0.06 },
  single_page: { completes: 0.7, paysStored: 0, cardDeclined: 0.05, cardShort: 0.05, products: 3, machines: 0.06 },
  express: { completes: 0.66, paysStored: 0.9, cardDeclined: 0.05, cardShort: 0.05, products: 2, machines: 0.03 },
};

/**
 * What is the same in all variants. Nothing that a shopper does depends on the variant of `shipping_banner`: it makes no
 * difference.
 */
export const EVERYWHERE = {
  /** The share of shoppers who look, leave, and come back with the same cookies; then they decide. */
  returns: 0.12,
  /** The share of shoppers who send forged baggage with each request. */
  forges: 0.04,
  /** The share of shoppers whose e-mail address the fraud service knows. */
  suspicious: 0.015,
  /** The share of carts with the product of which there are three. */
  wantsTheLast: 0.01,
  /** The share of shoppers outside of the shop's country. */
  abroad: 0.3,
} as const;

/** Test numbers, which the provider knows. */
export const CARDS = {
  approved: "4242424242424242",
  declined: "4000000000000002",
  short: "4000000000009995",
} as const;

export const CARD_NUMBERS: readonly string[] = Object.values(CARDS);
