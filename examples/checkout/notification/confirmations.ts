import { propagation, ROOT_CONTEXT, SpanKind, trace } from "@opentelemetry/api";
import type { Transporter } from "nodemailer";
import type { Experiments } from "otel-experiments";
import { z } from "zod";
import type { shopExperiments } from "../experiments.ts";
import { log } from "../service.ts";
import { inSpan } from "../span.ts";
import type { Message } from "./queue.ts";

const order = z.object({
  orderId: z.string(),
  email: z.string(),
  items: z.array(z.object({ name: z.string(), quantity: z.number(), priceCents: z.number() })),
  totalCents: z.number(),
});

const tracer = trace.getTracer("checkout.notification");

export class Confirmations {
  readonly #experiments: Experiments<typeof shopExperiments>;
  readonly #transport: Transporter;

  constructor(experiments: Experiments<typeof shopExperiments>, transport: Transporter) {
    this.#experiments = experiments;
    this.#transport = transport;
  }

  /** Sends the mail of one order, in the scope of the request that placed it. */
  send({ headers, body, attempt }: Message): Promise<void> {
    const { orderId, email, items, totalCents } = order.parse(body);
    // The mail is sent later, maybe much later, so it has a trace of its own, with a link to the order's.
    const placing = trace.getSpanContext(propagation.extract(ROOT_CONTEXT, headers));
    const options = {
      kind: SpanKind.CONSUMER,
      root: true,
      links: placing === undefined ? [] : [{ context: placing }],
      attributes: { "messaging.destination.name": "orders", "order.id": orderId, "notification.attempt": attempt },
    };
    // Only the shop's own services write to the queue, so what the message says of the variant is believed.
    return this.#experiments.run(
      headers,
      () =>
        inSpan(tracer, "notification.send", options, async () => {
          const mail = {
            from: "shop@shop.example",
            to: email,
            subject: `Your order ${orderId}`,
            // After a crash the mail may be sent again; by this id a mailbox knows that it is the same one.
            messageId: `<${orderId}@shop.example>`,
            text: [
              ...items.map(
                ({ name, quantity, priceCents }) => `${quantity} × ${name}: ${euros(quantity * priceCents)}`,
              ),
              `Total with tax: ${euros(totalCents)}`,
            ].join("\n"),
          };
          await this.#transport.sendMail(mail).catch((error: unknown) => {
            // Not the error itself: a mail server's answer may quote the address, and spans and logs show errors.
            throw new Error(`the mail could not be sent: ${codeOf(error)}`);
          });
          log.info({ "order.id": orderId }, "the confirmation is sent");
        }),
      { trusted: true },
    );
  }
}

function euros(cents: number): string {
  return `${(cents / 100).toFixed(2)} €`;
}

/** Such as 451, which says that a later try may succeed, or ECONNREFUSED. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  return String(Reflect.get(error, "responseCode") ?? Reflect.get(error, "code") ?? error.name);
}
