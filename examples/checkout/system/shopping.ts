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
  /** The variants that each visit showed. */
  readonly visits: readonly Seen[];
  readonly traces: readonly { readonly traceId: string; readonly request: string }[];
  /** The members of each kind that the shopper has forged. */
  readonly forged: Forgery["sent"] | undefined;
  readonly checkout: CheckedOut | undefined;
  /** Answers that a shop does not give. */
  readonly faults: readonly string[];
}

interface Seen {
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
  readonly #visits: Seen[] = [];
  readonly #traces: { traceId: string; request: string }[] = [];
  readonly #faults: string[] = [];
  #checkout: CheckedOut | undefined;

  constructor(shopper: Shopper, origin: string, dispatcher: Agent, signal: AbortSignal) {
    this.#shopper = shopper;
    this.#forgery = shopper.forges ? forgery() : undefined;
    // Visitors with one address and one user agent could be taken for one: see docs/assigning.md.
    const userAgent = `Mozilla/5.0 (Shopper ${shopper.number})`;
    const baggage = this.#forgery === undefined ? {} : { baggage: this.#forgery.next };
    this.#browser = new Browser({ origin, userAgent, dispatcher, signal, ...baggage });
  }

  async run(): Promise<Receipt> {
    let seen = await this.#look();
    if (this.#shopper.returns) seen = await this.#look();
    const decision = seen && this.#shopper.decide(seen.checkout);
    if (decision !== undefined) await this.#buy(decision);
    return {
      shopper: this.#shopper.number,
      visits: this.#visits,
      traces: this.#traces,
      forged: this.#forgery?.sent,
      checkout: this.#checkout,
      faults: this.#faults,
    };
  }

  async #look(): Promise<Seen | undefined> {
    this.#note("GET /", await this.#browser.open("/"), 200);
    const answer = this.#note("GET /api/shop", await this.#browser.get("/api/shop"), 200);
    if (answer === undefined) return undefined;
    const seen = answer.json as Seen; // why: the gateway's contract
    this.#visits.push(seen);
    return seen;
  }

  async #buy(decision: Decision): Promise<void> {
    const { email, country, number } = this.#shopper;
    const filled = await this.#browser.post("/api/cart", { items: decision.items });
    const answer = this.#note("POST /api/cart", filled, 201);
    if (answer === undefined) return;
    const { cartId } = answer.json as { readonly cartId: string }; // why: the gateway's contract
    const address = { name: `Shopper ${number}`, street: "Street 1", city: "City", postalCode: "12345", country };
    const paid = await this.#browser.post(
      "/api/checkout",
      { cartId, email, address, payment: decision.payment },
      { "idempotency-key": randomUUID() },
    );
    const end = this.#note("POST /api/checkout", paid, 201, 402, 403, 409, 503, 504);
    if (end === undefined) return;
    const outcome = end.json as Order | Refusal; // why: the gateway's contract
    this.#checkout = { traceId: end.traceId, decision, outcome };
  }

  /** @returns the answer, if its status is one that the request may have */
  #note(request: string, answer: Answer, ...expected: readonly number[]): Answer | undefined {
    this.#traces.push({ traceId: answer.traceId, request });
    if (expected.includes(answer.status)) return answer;
    this.#faults.push(`${request} answered ${answer.status} to shopper ${this.#shopper.number}`);
    return undefined;
  }
}
