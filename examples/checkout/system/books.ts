import { setTimeout as pause } from "node:timers/promises";
import { Client } from "pg";

/** What is in the shop's database after the shoppers. */
export interface Books {
  /** The orders since the opening. */
  readonly orders: readonly BookedOrder[];
  readonly stock: readonly StockLine[];
  /** The reservations that are neither sold nor released. */
  readonly heldReservations: number;
}

interface BookedOrder {
  readonly orderId: string;
  readonly totalCents: number;
  readonly outboxRows: number;
  readonly sentRows: number;
}

interface StockLine {
  readonly productId: string;
  readonly before: number;
  readonly sold: number;
  readonly after: number;
}

/** The state of the database before the shoppers come, with which it is compared. */
export interface Opening {
  readonly at: Date;
  readonly stock: ReadonlyMap<string, number>;
}

const QUEUE_LIMIT_MS = 20_000;
const POLL_MS = 100;

export async function openBooks(url: string): Promise<Opening> {
  return withClient(url, async (client) => {
    // The database's own time, which need not be this machine's.
    const { rows } = await client.query<{ at: Date }>("SELECT now() AS at");
    return { at: rows[0]?.at ?? new Date(), stock: await stockOf(client) };
  });
}

/** Waits until the queue is empty, and reads what is booked since the opening. */
export async function closeBooks(url: string, { at, stock }: Opening, signal: AbortSignal): Promise<Books> {
  return withClient(url, async (client) => {
    await queueIsEmpty(client, signal);
    const orders = await client.query<BookedOrder>(
      `SELECT orders.id AS "orderId", total_cents AS "totalCents", count(outbox.id)::integer AS "outboxRows",
              count(outbox.sent_at)::integer AS "sentRows"
       FROM orders LEFT JOIN outbox ON order_id = orders.id WHERE created_at >= $1 GROUP BY orders.id`,
      [at],
    );
    const sold = await client.query<{ productId: string; sold: number }>(
      `SELECT product_id AS "productId", sum(quantity)::integer AS sold
       FROM order_items JOIN orders ON orders.id = order_id WHERE created_at >= $1 GROUP BY product_id`,
      [at],
    );
    const held = await client.query<{ count: number }>(
      "SELECT count(*)::integer AS count FROM reservations WHERE state = 'held'",
    );
    const soldOf = new Map(sold.rows.map((row) => [row.productId, row.sold]));
    return {
      orders: orders.rows,
      stock: [...(await stockOf(client))].map(([productId, after]) => ({
        productId,
        before: stock.get(productId) ?? 0,
        sold: soldOf.get(productId) ?? 0,
        after,
      })),
      heldReservations: held.rows[0]?.count ?? 0,
    };
  });
}

async function stockOf(client: Client): Promise<ReadonlyMap<string, number>> {
  const { rows } = await client.query<{ id: string; available: number }>(
    "SELECT product_id AS id, available FROM stock ORDER BY product_id",
  );
  return new Map(rows.map(({ id, available }) => [id, available]));
}

/** A queue that does not empty in time is found by the invariants. */
async function queueIsEmpty(client: Client, signal: AbortSignal): Promise<void> {
  const limit = performance.now() + QUEUE_LIMIT_MS;
  while (performance.now() < limit) {
    const { rows } = await client.query("SELECT 1 FROM outbox WHERE sent_at IS NULL LIMIT 1");
    if (rows.length === 0) return;
    await pause(POLL_MS, undefined, { signal });
  }
}

async function withClient<T>(url: string, read: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return await read(client);
  } finally {
    await client.end();
  }
}
