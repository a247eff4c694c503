import { setTimeout as pause } from "node:timers/promises";
import { type Counter, type Histogram, type Meter, type Span, SpanKind, trace } from "@opentelemetry/api";
import { z } from "zod";
import { Failure, type Reason } from "../failure.ts";
import { log } from "../service.ts";
import { inSpan } from "../span.ts";
import { type Answer, type Charge, method, PEER, type Provider } from "./provider-client.ts";

export const payment = z.object({
  amountCents: z.int().positive(),
  currency: z.string().length(3),
  payment: method,
});

const MAX_ATTEMPTS = 3;
const PAUSE_MS = 100;

const tracer = trace.getTracer("checkout.payment");

export class Payments {
  readonly #provider: Provider;
  readonly #duration: Histogram;
  readonly #errors: Counter;

  /** @param meter of the experiments: each measurement has the variant of its request */
  constructor(provider: Provider, meter: Meter) {
    this.#provider = provider;
    this.#duration = meter.createHistogram("payment.processing.duration", {
      unit: "s",
      description: "From a payment's request to its outcome, with all tries.",
      advice: { explicitBucketBoundaries: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 4] },
    });
    this.#errors = meter.createCounter("payment.errors", {
      unit: "{error}",
      description: "Payments that failed, by reason.",
    });
  }

  /**
   * @returns the id of the charge
   * @throws Failure if the payment is declined, or the provider gives no answer
   */
  async process(key: string, charge: Charge): Promise<string> {
    const start = performance.now();
    const attributes = {
      ...PEER,
      "payment.amount": charge.amountCents,
      "payment.currency": charge.currency,
      "payment.method_type": charge.payment.method,
    };
    let status = "failed";
    try {
      return await inSpan(tracer, "payment.process", { kind: SpanKind.CLIENT, attributes }, async (span) => {
        const answer = await this.#chargeWithRetries(key, charge, span);
        status = answer.status;
        span.setAttribute("payment.status", status);
        if (answer.status === "declined") {
          span.setAttribute("payment.decline_code", answer.code);
          throw declined(answer.code);
        }
        span.setAttribute("payment.charge_id", answer.id);
        return answer.id;
      });
    } catch (error) {
      const type = error instanceof Failure ? error.code : "_OTHER";
      this.#errors.add(1, { "error.type": type });
      log.warn({ "error.type": type }, "the payment failed");
      throw error;
    } finally {
      const seconds = (performance.now() - start) / 1_000;
      this.#duration.record(seconds, { "payment.method_type": charge.payment.method, "payment.status": status });
    }
  }

  /** Tries again after a soft decline, a time-out or a broken connection. The key makes that safe. */
  async #chargeWithRetries(key: string, charge: Charge, span: Span): Promise<Answer> {
    for (let attempt = 1; ; attempt++) {
      const isLast = attempt === MAX_ATTEMPTS;
      try {
        const answer = await this.#provider.charge(key, attempt, charge);
        if (answer.status === "approved" || !answer.retryable || isLast) return answer;
        span.addEvent("soft_decline", { "payment.decline_code": answer.code });
      } catch (error) {
        log.warn({ err: error, "payment.attempt": attempt }, "the provider gave no answer");
        if (isLast) throw unanswered(error);
      }
      await pause(PAUSE_MS * attempt);
    }
  }
}

const DECLINES: ReadonlyMap<string, readonly [Reason, string]> = new Map([
  ["insufficient_funds", ["insufficient_funds", "Your bank says that the account has not enough money."]],
]);

function declined(code: string): Failure {
  return new Failure(...(DECLINES.get(code) ?? ["card_declined", "Your bank has declined this card."]));
}

function unanswered(cause: unknown): Failure {
  const isTimeout = cause instanceof Error && cause.name === "TimeoutError";
  return new Failure(
    isTimeout ? "provider_timeout" : "unavailable",
    "The payment provider does not answer. You have not been charged.",
    { cause },
  );
}
