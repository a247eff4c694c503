import { SpanKind, trace } from "@opentelemetry/api";
import { z } from "zod";
import { inSpan } from "../span.ts";

export const method = z.discriminatedUnion("method", [
  z.object({ method: z.literal("card"), number: z.string(), expiry: z.string(), cvc: z.string() }),
  z.object({ method: z.literal("stored") }),
]);

export interface Charge {
  readonly amountCents: number;
  readonly currency: string;
  readonly payment: z.infer<typeof method>;
}

/** A soft decline may be approved on a retry, a hard one never is. */
const answer = z.discriminatedUnion("status", [
  z.object({ status: z.literal("approved"), id: z.string() }),
  z.object({ status: z.literal("declined"), code: z.string(), retryable: z.boolean() }),
]);

export type Answer = z.infer<typeof answer>;

const storedMethod = z.object({ brand: z.string(), last4: z.string() });

/** How spans name the provider. */
export const PEER = { "peer.service": "payment-provider" };

const tracer = trace.getTracer("checkout.payment");

/** The provider's API. A card's number is in the body of a request to it, and nowhere else. */
export class Provider {
  readonly #origin: string;
  readonly #timeoutMs: number;
  readonly #fetch: typeof globalThis.fetch;
  readonly #customer: string;

  /** @param customer whose card the provider keeps; the shop has no accounts, so all shoppers share it */
  constructor(
    origin: string,
    timeoutMs: number,
    { fetch, customer }: { fetch: typeof globalThis.fetch; customer: string },
  ) {
    this.#origin = origin;
    this.#timeoutMs = timeoutMs;
    this.#fetch = fetch;
    this.#customer = customer;
  }

  /** One try. The provider charges once for each key, however often it is asked. */
  charge(key: string, attempt: number, { amountCents, currency, payment }: Charge): Promise<Answer> {
    const attributes = { ...PEER, "payment.amount": amountCents, "payment.currency": currency };
    const options = { kind: SpanKind.CLIENT, attributes: { ...attributes, "payment.attempt": attempt } };
    return inSpan(tracer, "payment.gateway_call", options, async (span) => {
      span.setAttribute("payment.method_type", payment.method);
      const source = payment.method === "stored" ? { customer: this.#customer } : { card: payment };
      const result = answer.parse(await this.#post("/v1/charges", key, { amountCents, currency, source }));
      span.setAttribute("payment.status", result.status);
      if (result.status === "approved") span.setAttribute("payment.charge_id", result.id);
      else span.setAttribute("payment.decline_code", result.code);
      return result;
    });
  }

  /** Gives the money back, or makes sure that a charge which is still on the way takes none. */
  async cancel(key: string): Promise<void> {
    await this.#post("/v1/cancellations", key, {});
  }

  async storedMethod(): Promise<z.infer<typeof storedMethod>> {
    const response = await this.#fetch(`${this.#origin}/v1/customers/${this.#customer}/card`, {
      signal: AbortSignal.timeout(this.#timeoutMs),
    });
    return storedMethod.parse(await response.json());
  }

  async #post(path: string, key: string, body: object): Promise<unknown> {
    const response = await this.#fetch(`${this.#origin}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", "idempotency-key": key },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(this.#timeoutMs),
    });
    if (response.ok || response.status === 402) return response.json();
    await response.body?.cancel();
    throw new Error(`the provider answered ${response.status}`);
  }
}
