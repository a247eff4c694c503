import { randomUUID } from "node:crypto";
import { Agent } from "undici";
import { type Answer, Browser } from "./browser.ts";
import { type Forgery, forgery } from "./forgery.ts";
import { type Decision, makeShopper, type Shopper } from "./shoppers.ts";
import type { Checkout } from "./truth.ts";

/** The number of shoppers in the shop at the same time. */
const CONCURRENCY = 10;

/** What a shopper did, and what the shop answered. */
export interface Receipt {
  readonly shopper: number;
  readonly visits: readonly Visit[];
  /** The members of each kind that the shopper has forged. */
  readonly forged: Forgery["sent"] | undefined;
  readonly checkout: CheckedOut | undefined;
  /** Answers that a shop does not give. */
  readonly faults: readonly string[];
}

/** One look at the shop, with the variants that it showed. */
interface Visit extends Variants {
  readonly traceId: string;
}

interface Variants {
  readonly checkout: Checkout;
  readonly shippingBanner: string;
}

export interface CheckedOut {
  readonly traceId: string;
  readonly decision: Decision;
  readonly outcome: Order | Refusal;
}

interface Order {
  readonly orderId: string;
  readonly totalCents: number;
}

interface Refusal {
  readonly step: string;
  readonly reason: string;
}

/** Sends shoppers 1 to `count` through the shop, a few at a time. */
export async function goShopping(
  { gateway, count, seed }: { readonly gateway: string; readonly count: number; readonly seed: number },
  signal: AbortSignal,
  onDone: (done: number) => void,
): Promise<readonly Receipt[]> {
  const receipts: Receipt[] = [];
  const waiting = Array.from({ length: count }, (_, index) => index + 1).values();
  const dispatcher = new Agent({ connections: CONCURRENCY });
  const serve = async (): Promise<void> => {
    for (const number of waiting) {
      receipts.push(await new Trip(makeShopper(seed, number), gateway, dispatcher, signal).run());
      onDone(receipts.length);
    }
  };
  try {
    await Promise.all(Array.from({ length: CONCURRENCY }, serve));
  } finally {
    await dispatcher.close();
  }
  return receipts;
}

/** One shopper's visits. */
class Trip {
  readonly #shopper: Shopper;
  readonly #browser: Browser;
  readonly #forgery: Forgery | undefined;
  readonly #signal: AbortSignal;
  readonly #visits: Visit[] = [];
  readonly #faults: string[] = [];

  constructor(shopper: Shopper, origin: string, dispatcher: Agent, signal: AbortSignal) {
    this.#shopper = shopper;
    this.#signal = signal;
    this.#forgery = shopper.forges ? forgery() : undefined;
    // Visitors with one address and one user agent could be taken for one: see docs/assigning.md.
    const userAgent = `Mozilla/5.0 (Shopper ${shopper.number})`;
    const baggage = this.#forgery === undefined ? {} : { baggage: this.#forgery.next };
    this.#browser = new Browser({ origin, userAgent, dispatcher, signal, ...baggage });
  }

  async run(): Promise<Receipt> {
    let checkout: CheckedOut | undefined;
    try {
      let visit = await this.#look();
      if (this.#shopper.returns) visit = await this.#look();
      const decision = this.#shopper.decide(visit.checkout);
      if (decision !== undefined) checkout = await this.#buy(decision);
    } catch (error) {
      // The shopper gives up, and the others go on.
      this.#signal.throwIfAborted();
      this.#faults.push(`shopper ${this.#shopper.number}: ${error instanceof Error ? error.message : String(error)}`);
    }
    const { number: shopper } = this.#shopper;
    return { shopper, visits: this.#visits, forged: this.#forgery?.sent, checkout, faults: this.#faults };
  }

  async #look(): Promise<Visit> {
    expectStatus("GET /", await this.#browser.open("/"), 200);
    const { json } = expectStatus("GET /api/shop", await this.#browser.get("/api/shop"), 200);
    const { checkout, shippingBanner } = json as Variants; // why: the gateway's contract
    const visit = { traceId: this.#browser.traceId, checkout, shippingBanner };
    this.#visits.push(visit);
    return visit;
  }

  async #buy(decision: Decision): Promise<CheckedOut> {
    const { email, country, number } = this.#shopper;
    const { items, payment } = decision;
    const filled = expectStatus("POST /api/cart", await this.#browser.post("/api/cart", { items }), 201);
    const { cartId } = filled.json as { readonly cartId: string }; // why: the gateway's contract
    const address = { name: `Shopper ${number}`, street: "Street 1", city: "City", postalCode: "12345", country };
    const key = { "idempotency-key": randomUUID() };
    const paid = await this.#browser.post("/api/checkout", { cartId, email, address, payment }, key);
    const { json } = expectStatus("POST /api/checkout", paid, 201, 402, 403, 409, 503, 504);
    return { traceId: this.#browser.traceId, decision, outcome: json as Order | Refusal }; // why: the gateway's contract
  }
}

function expectStatus(request: string, answer: Answer, ...expected: readonly number[]): Answer {
  if (expected.includes(answer.status)) return answer;
  throw new Error(`${request} was answered with ${answer.status}`);
}
