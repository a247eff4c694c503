import { trace } from "@opentelemetry/api";
import type { Pool, PoolClient } from "pg";
import { Failure } from "../failure.ts";
import { inSpan } from "../span.ts";
import { inTransaction } from "../transaction.ts";

export interface Item {
  readonly productId: string;
  readonly quantity: number;
}

/** `sold`: the order exists, so nothing can be released. */
export type ReleasedState = "released" | "sold";

const tracer = trace.getTracer("checkout.inventory");

/**
 * The reservations of checkouts. Every transaction locks the reservation first and then the stock by ascending product,
 * so two of them never wait for each other.
 */
export class Reservations {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** What can be reserved, by product. */
  async stock(): Promise<Record<string, number>> {
    const { rows } = await this.#pool.query<{ id: string; available: number }>(
      "SELECT product_id AS id, available FROM stock",
    );
    return Object.fromEntries(rows.map(({ id, available }) => [id, available]));
  }

  /** Reserves all items or none. Asked again for the same checkout, it reserves nothing more. */
  reserve(checkoutId: string, items: readonly Item[]): Promise<{ expiresAt: Date }> {
    const attributes = { "inventory.item_count": items.length };
    return inSpan(tracer, "inventory.reserve_batch", { attributes }, (span) =>
      inTransaction(this.#pool, async (client) => {
        const { rows } = await client.query<{ expiresAt: Date }>(
          `INSERT INTO reservations (checkout_id, expires_at) VALUES ($1, now() + interval '15 minutes')
           ON CONFLICT DO NOTHING RETURNING expires_at AS "expiresAt"`,
          [checkoutId],
        );
        const [created] = rows;
        if (created === undefined) return existing(client, checkoutId);
        const available = await lockStock(
          client,
          items.map(({ productId }) => productId),
        );
        for (const item of items) await reserveItem(client, checkoutId, item, available.get(item.productId) ?? 0);
        span.setAttribute("inventory.reservations_created", items.length);
        return created;
      }),
    );
  }

  /**
   * Gives the reserved items back, unless they are sold. A checkout that has reserved nothing yet never will: its
   * reservation may still be on the way.
   */
  release(checkoutId: string): Promise<ReleasedState> {
    return inTransaction(this.#pool, async (client) => {
      const { rowCount: fresh } = await client.query(
        "INSERT INTO reservations VALUES ($1, 'released', now()) ON CONFLICT DO NOTHING",
        [checkoutId],
      );
      if (fresh === 1) return "released";
      const { rows } = await client.query<{ state: "held" | ReleasedState }>(
        "SELECT state FROM reservations WHERE checkout_id = $1 FOR UPDATE",
        [checkoutId],
      );
      const state = rows[0]?.state ?? "released";
      if (state !== "held") return state;
      await giveBack(client, checkoutId);
      return "released";
    });
  }

  /** Releases what was reserved more than fifteen minutes ago and never ordered. */
  async releaseExpired(): Promise<void> {
    const { rows } = await this.#pool.query<{ id: string }>(
      "SELECT checkout_id AS id FROM reservations WHERE state = 'held' AND expires_at <= now() LIMIT 100",
    );
    for (const { id } of rows) await this.release(id);
  }
}

/** @throws Failure if the checkout has ended */
async function existing(client: PoolClient, checkoutId: string): Promise<{ expiresAt: Date }> {
  const { rows } = await client.query<{ expiresAt: Date }>(
    `SELECT expires_at AS "expiresAt" FROM reservations WHERE checkout_id = $1 AND state <> 'released'`,
    [checkoutId],
  );
  const [reservation] = rows;
  if (reservation === undefined) {
    throw new Failure("invalid_request", "This checkout has ended. Please start a new one.");
  }
  return reservation;
}

/** Locks rows in the order in which they are read, which is the same for everybody. */
async function lockStock(client: PoolClient, productIds: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const { rows } = await client.query<{ id: string; available: number }>(
    "SELECT product_id AS id, available FROM stock WHERE product_id = ANY($1) ORDER BY product_id FOR UPDATE",
    [productIds],
  );
  return new Map(rows.map(({ id, available }) => [id, available]));
}

function reserveItem(client: PoolClient, checkoutId: string, item: Item, available: number): Promise<void> {
  const { productId, quantity } = item;
  const attributes = { "product.id": productId, "quantity.requested": quantity };
  return inSpan(tracer, "inventory.reserve_item", { attributes }, async (span) => {
    if (available < quantity) {
      span.addEvent("insufficient_stock", { available, requested: quantity });
      throw new Failure("insufficient_stock", `Of ${productId} only ${available} are left.`);
    }
    const { rows } = await client.query<{ id: string }>(
      `WITH taken AS (UPDATE stock SET available = available - $3 WHERE product_id = $2)
       INSERT INTO reserved_items (checkout_id, product_id, quantity) VALUES ($1, $2, $3) RETURNING id`,
      [checkoutId, productId, quantity],
    );
    span.setAttribute("reservation.id", String(rows[0]?.id));
  });
}

async function giveBack(client: PoolClient, checkoutId: string): Promise<void> {
  const { rows } = await client.query<Item>(
    `SELECT product_id AS "productId", quantity FROM reserved_items WHERE checkout_id = $1`,
    [checkoutId],
  );
  await lockStock(
    client,
    rows.map(({ productId }) => productId),
  );
  await client.query(
    `UPDATE stock SET available = available + quantity FROM reserved_items item
     WHERE checkout_id = $1 AND item.product_id = stock.product_id`,
    [checkoutId],
  );
  await client.query("UPDATE reservations SET state = 'released' WHERE checkout_id = $1", [checkoutId]);
}
