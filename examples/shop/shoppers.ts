/** The number of shoppers that are served at the same time. */
const CONCURRENCY = 20;

/** One in this many shoppers forges a header, to get a checkout that is not offered to them. */
const ONE_FORGES_IN = 25;
const FORGED_BAGGAGE = "experiment.checkout.variant=free_of_charge";

/** The number of shoppers that forge a baggage member. */
export function countForgers(shoppers: number): number {
  return Math.floor(shoppers / ONE_FORGES_IN);
}

/**
 * Sends shoppers 1 to `shoppers` through the checkout, a few at a time. Their success is not checked here: the
 * telemetry shows it.
 */
export async function goShopping(
  gateway: string,
  shoppers: number,
  signal: AbortSignal,
  onCheckedOut: (done: number) => void,
): Promise<void> {
  const queue = Array.from({ length: shoppers }, (_, index) => index + 1).values();
  let done = 0;
  const till = async (): Promise<void> => {
    for (const shopper of queue) {
      await checkOut(gateway, shopper, signal);
      onCheckedOut(++done);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, till));
}

async function checkOut(gateway: string, shopper: number, signal: AbortSignal): Promise<void> {
  const headers: Record<string, string> = shopper % ONE_FORGES_IN === 0 ? { baggage: FORGED_BAGGAGE } : {};
  const answer = await fetch(`${gateway}/checkout/${shopper}`, { method: "POST", headers, signal });
  await answer.arrayBuffer();
}
