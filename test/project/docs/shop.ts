import { createExperiments } from "otel-experiments";

// What the example of docs/flow.md calls. Each thing that a shop does is a function that a test can let fail.

export const experiments = createExperiments({
  experiments: { checkout: { id: "checkout_1", variants: ["control", "express"] } },
});

export interface Basket {
  readonly items: readonly string[];
}

export interface Order extends Basket {
  readonly shipping: number;
}

export const STANDARD_SHIPPING = 5;

/** What was done, in order. */
export const done: string[] = [];

/** What is to happen instead, by name. */
export const instead = new Map<string, (signal: AbortSignal | undefined) => Promise<never>>();

async function act<T>(name: string, result: T, signal?: AbortSignal): Promise<T> {
  await new Promise((resolve) => setImmediate(resolve));
  done.push(name);
  await instead.get(name)?.(signal);
  return result;
}

export function validate(basket: Basket): Basket {
  if (basket.items.length === 0) throw new RangeError("the basket is empty");
  return basket;
}

export const reserve = (_cart: Basket, signal: AbortSignal): Promise<string> => act("reserve", "stock-1", signal);
export const quote = (_cart: Basket, signal: AbortSignal): Promise<number> => act("quote", 3, signal);
export const charge = (_cart: Basket, signal: AbortSignal): Promise<void> => act("charge", undefined, signal);
export const release = (_stock: string): Promise<void> => act("release", undefined);
export const confirm = (_cart: Basket): Promise<void> => act("confirm", undefined);
