/** What the shoppers of one variant do. */
export interface Behaviour {
  /** The share of those who see the shop that fill a cart and check out. */
  readonly completes: number;
  /** The share of checkouts whose card is declined for good. */
  readonly cardDeclined: number;
  /** The share of checkouts whose card has too little money at the first attempt. */
  readonly cardShort: number;
  /** The number of different products in a cart is from 1 to this. */
  readonly products: number;
  /** The share of carts with an espresso machine, by far the dearest product. */
  readonly machines: number;
}

/** The one table of what is true in this shop. A report can be held against it. */
export const TRUTH: Readonly<Record<"control" | "single_page" | "express", Behaviour>> = {
  control: { completes: 0.6, cardDeclined: 0.04, cardShort: 0.05, products: 3, machines: 0.05 },
  single_page: { completes: 0.7, cardDeclined: 0.04, cardShort: 0.05, products: 3, machines: 0.05 },
  express: { completes: 0.66, cardDeclined: 0.09, cardShort: 0.05, products: 2, machines: 0.05 },
};

/** The variants of `shipping_banner` make no difference: nothing that a shopper does depends on them. */
export const OF_ALL = {
  /** The share of shoppers who come back for a second visit, with the cookies of the first. */
  returns: 0.12,
  /** The share of shoppers who send forged baggage with each request. */
  forges: 0.04,
  /** The share of checkouts that the fraud service suspects. */
  suspicious: 0.01,
  /** The share of carts with the product of which there are three. */
  wantsTheLast: 0.01,
};

/** Test numbers that the provider knows. */
export const CARDS = {
  approved: "4242424242424242",
  declined: "4000000000000002",
  short: "4000000000009995",
};

export const CARD_NUMBERS: readonly string[] = Object.values(CARDS);
