import { context, propagation, trace } from "@opentelemetry/api";
import type { Experiments } from "otel-experiments";
import type { Pool, PoolClient } from "pg";
import { z } from "zod";
import type { shopExperiments } from "../experiments.ts";
import { Failure } from "../failure.ts";
import { log } from "../service.ts";
import { inSpan } from "../span.ts";
import { inTransaction } from "../transaction.ts";

export const order = z.object({
  cartId: z.uuid(),
  email: z.string(),
  address: z.record(z.string(), z.string()),
  items: z.array(
    z.object({ productId: z.string(), name: z.string(), quantity: z.int().min(1), priceCents: z.int().min(1) }),
  ),
  taxCents: z.int().nonnegative(),
  totalCents: z.int().positive(),
  chargeId: z.string(),
});

type Order = z.infer<typeof order>;

interface Placed {
  readonly orderId: string;
  readonly totalCents: number;
  readonly taxCents: number;
  /** Whether this call has placed it, and not an earlier one. */
  readonly created: boolean;
}

const tracer = trace.getTracer("checkout.order");

export class Orders {
  readonly #pool: Pool;
  readonly #experiments: Experiments<typeof shopExperiments>;

  constructor(pool: Pool, experiments: Experiments<typeof shopExperiments>) {
    this.#pool = pool;
    this.#experiments = experiments;
  }

  /** Places the order once, however often it is asked for. */
  create(id: string, given: Order): Promise<Placed> {
    const attributes = { "order.id": id, "order.total": given.totalCents, "order.item_count": given.items.length };
    return inSpan(tracer, "order.create", { attributes }, async (span) => {
      const placed = await inTransaction(this.#pool, async (client) => {
        // Whoever changes this row first wins: a sale here, or a release, which ends the checkout without an order.
        const { rowCount } = await client.query(
          `UPDATE reservations SET state = 'sold'
           WHERE checkout_id = $1 AND state = 'held' AND expires_at > now()`,
          [id],
        );
        if (rowCount !== 1) return earlier(client, id);
        await insert(client, id, given);
        await this.#enqueue(client, id, given);
        return { orderId: id, totalCents: given.totalCents, taxCents: given.taxCents, created: true };
      });
      span.setAttribute("order.created", placed.created);
      log.info({ "order.id": id, "order.created": placed.created }, "the order is placed");
      return placed;
    });
  }

  find(id: string): Promise<Placed | undefined> {
    return find(this.#pool, id);
  }

  /** The message is in the order's transaction, so neither can be without the other. */
  async #enqueue(client: PoolClient, id: string, { email, items, totalCents }: Order): Promise<void> {
    const headers: Record<string, string> = {};
    // The trace, and then the variant, for the consumer on the other side of the queue.
    propagation.inject(context.active(), headers);
    this.#experiments.inject(headers, { to: "queue:orders" });
    await client.query("INSERT INTO outbox (order_id, headers, message) VALUES ($1, $2, $3)", [
      id,
      headers,
      { orderId: id, email, items, totalCents },
    ]);
    // PostgreSQL delivers it when the transaction is committed.
    await client.query("NOTIFY outbox");
  }
}

async function insert(client: PoolClient, id: string, given: Order): Promise<void> {
  await client.query(
    `INSERT INTO orders (id, cart_id, email, address, tax_cents, total_cents, charge_id)
     VALUES ($1, $2, $3, $4, $5, $6, $7)`,
    [id, given.cartId, given.email, given.address, given.taxCents, given.totalCents, given.chargeId],
  );
  await client.query(`INSERT INTO order_items SELECT $1, * FROM unnest($2::text[], $3::integer[], $4::integer[])`, [
    id,
    given.items.map(({ productId }) => productId),
    given.items.map(({ quantity }) => quantity),
    given.items.map(({ priceCents }) => priceCents),
  ]);
}

/** @throws Failure if there is no order: the reservation has expired or was released */
async function earlier(client: PoolClient, id: string): Promise<Placed> {
  const found = await find(client, id);
  if (found === undefined) throw new Failure("insufficient_stock", "Your items are not reserved any more.");
  return found;
}

async function find(client: Pool | PoolClient, id: string): Promise<Placed | undefined> {
  const { rows } = await client.query<Omit<Placed, "created">>(
    `SELECT id AS "orderId", total_cents AS "totalCents", tax_cents AS "taxCents" FROM orders WHERE id = $1`,
    [id],
  );
  const [found] = rows;
  return found === undefined ? undefined : { ...found, created: false };
}
