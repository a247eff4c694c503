import { randomBytes, randomUUID } from "node:crypto";
import type { System } from "../../examples/checkout/system/system.ts";
import { CARDS } from "../../examples/checkout/system/truth.ts";

export type Variant = "control" | "single_page" | "express";

/** An answer of the gateway. */
export interface Answer {
  readonly status: number;
  /** What the gateway says in its JSON; the fields are those of an order or of a failure. */
  readonly body: Readonly<Record<string, unknown>>;
  readonly traceId: string;
}

export interface Purchase {
  readonly cartId: string;
  readonly key?: string;
  readonly card?: string;
  readonly country?: string;
  readonly email?: string;
}

let visitors = 0;

/** A browser: it keeps its cookies, and begins a trace with each call. */
export class Shopper {
  readonly #gateway: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #cookies = new Map<string, string>();

  /** @param headers sent with each call, such as an override or forged baggage */
  constructor({ addresses }: System, headers: Readonly<Record<string, string>> = {}) {
    this.#gateway = addresses.gateway;
    // New visitors of one address and user agent, close to each other, could be taken for one visitor.
    this.#headers = { "user-agent": `shopper ${++visitors}`, ...headers };
  }

  /** A shopper whom the gateway has assigned to a variant, by its own choice. */
  static async in(system: System, variant: Variant, headers?: Readonly<Record<string, string>>): Promise<Shopper> {
    for (;;) {
      const shopper = new Shopper(system, headers);
      const { body } = await shopper.shop();
      if (body["checkout"] === variant) return shopper;
    }
  }

  shop(): Promise<Answer> {
    return this.call("/api/shop");
  }

  /**
   * Puts products into a cart.
   *
   * @param quantities by product
   * @returns the cart's id
   */
  async cartOf(quantities: Readonly<Record<string, number>>): Promise<string> {
    const body = { items: Object.entries(quantities).map(([productId, quantity]) => ({ productId, quantity })) };
    const answer = await this.call("/api/cart", body);
    if (answer.status !== 201) throw new Error(`no cart: ${JSON.stringify(answer)}`);
    return String(answer.body["cartId"]);
  }

  /** Buys by card; `stored` pays with the stored method. */
  checkout({ cartId, card = CARDS.approved, country = "DE", email, key = randomUUID() }: Purchase): Promise<Answer> {
    const payment =
      card === "stored" ? { method: "stored" } : { method: "card", number: card, expiry: "12/30", cvc: "123" };
    const body = {
      cartId,
      email: email ?? `${key}@shopper.example`,
      address: { name: "A Shopper", street: "1 Street", city: "Town", postalCode: "12345", country },
      payment,
    };
    return this.call("/api/checkout", body, { "idempotency-key": key });
  }

  async call(path: string, body?: object | string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    const traceId = randomBytes(16).toString("hex");
    const response = await fetch(`${this.#gateway}${path}`, {
      ...(body === undefined ? {} : { method: "POST", body: typeof body === "string" ? body : JSON.stringify(body) }),
      headers: {
        "content-type": "application/json",
        cookie: [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; "),
        traceparent: `00-${traceId}-${randomBytes(8).toString("hex")}-01`,
        ...this.#headers,
        ...headers,
      },
    });
    for (const line of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      this.#cookies.set(name, value);
    }
    const answer = (await response.json()) as Answer["body"]; // why: the gateway answers with an object
    return { status: response.status, body: answer, traceId };
  }
}
