import { randomNumbers } from "./random.ts";
import { type Behaviour, CARDS, type Checkout, EVERYWHERE, TRUTH } from "./truth.ts";

/** A shopper, before they know which variant they see. */
export interface Shopper {
  readonly number: number;
  readonly returns: boolean;
  readonly forges: boolean;
  readonly email: string;
  readonly country: string;
  /** What the shopper does in a variant; undefined if they only look. */
  decide(variant: Checkout): Decision | undefined;
}

export interface Decision {
  readonly items: readonly { readonly productId: string; readonly quantity: number }[];
  readonly payment: { readonly method: "stored" } | Card;
  /** The reasons for which this checkout may fail. */
  readonly mayFail: readonly string[];
  /** Whether it has to fail for one of them. */
  readonly mustFail: boolean;
}

interface Card {
  readonly method: "card";
  readonly number: string;
  readonly expiry: string;
  readonly cvc: string;
}

const PRODUCTS = ["beans", "filters", "kettle", "grinder"] as const;
const MACHINE = "machine";
const SCARCE = "mug";
const HOME = "DE";
const ABROAD = ["FR", "NL", "US"] as const;

/** The same seed gives the same shoppers, whatever the order in which they are served. */
export function makeShopper(seed: number, number: number): Shopper {
  const random = randomNumbers(Math.imul(seed, 1_000_003) + number);
  const happens = (share: number): boolean => random() < share;

  const returns = happens(EVERYWHERE.returns);
  const forges = happens(EVERYWHERE.forges);
  const isSuspicious = happens(EVERYWHERE.suspicious);
  const wantsTheLast = happens(EVERYWHERE.wantsTheLast);
  const country = happens(EVERYWHERE.abroad) ? pick(ABROAD, random()) : HOME;
  // Drawn once, so that a shopper is the same person in each variant.
  const draws: Draws = {
    completes: random(),
    stored: random(),
    card: random(),
    machine: random(),
    products: random(),
    first: random(),
    quantities: PRODUCTS.map(() => (happens(0.25) ? 2 : 1)),
    wantsTheLast,
  };

  return {
    number,
    returns,
    forges,
    email: `shopper-${number}@${isSuspicious ? "fraud.example" : "shoppers.example"}`,
    country,
    decide(variant) {
      const truth = TRUTH[variant];
      if (draws.completes >= truth.completes) return undefined;
      const payment = paymentOf(draws, truth);
      const isDeclined = payment.method === "card" && payment.number === CARDS.declined;
      return {
        items: itemsOf(draws, truth),
        payment,
        mayFail: [
          ...(isSuspicious ? ["fraud_suspected"] : []),
          ...(isDeclined ? ["card_declined"] : []),
          ...(wantsTheLast ? ["insufficient_stock"] : []),
        ],
        mustFail: isSuspicious || isDeclined,
      };
    },
  };
}

/** Numbers from 0 to 1, each of which is held against a share of the truth. */
interface Draws {
  readonly completes: number;
  readonly stored: number;
  readonly card: number;
  readonly machine: number;
  readonly products: number;
  readonly first: number;
  /** Of each product, if it is in the cart. */
  readonly quantities: readonly number[];
  readonly wantsTheLast: boolean;
}

function itemsOf(draws: Draws, truth: Behaviour): Decision["items"] {
  const first = Math.floor(draws.first * PRODUCTS.length);
  const count = 1 + Math.floor(draws.products * truth.products);
  const items = [...PRODUCTS.slice(first), ...PRODUCTS.slice(0, first)].slice(0, count);
  return [
    ...items.map((productId, index) => ({ productId, quantity: draws.quantities[index] ?? 1 })),
    ...(draws.machine < truth.machines ? [{ productId: MACHINE, quantity: 1 }] : []),
    ...(draws.wantsTheLast ? [{ productId: SCARCE, quantity: 1 }] : []),
  ];
}

function paymentOf(draws: Draws, truth: Behaviour): Decision["payment"] {
  if (draws.stored < truth.paysStored) return { method: "stored" };
  const numbers = [
    [truth.cardDeclined, CARDS.declined],
    [truth.cardDeclined + truth.cardShort, CARDS.short],
  ] as const;
  const [, number = CARDS.approved] = numbers.find(([share]) => draws.card < share) ?? [];
  return { method: "card", number, expiry: "12/30", cvc: "123" };
}

function pick<T>(list: readonly [T, ...T[]], draw: number): T {
  return list[Math.floor(draw * list.length)] ?? list[0];
}
