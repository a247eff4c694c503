import { type Span, trace } from "@opentelemetry/api";
import type { Pool } from "pg";
import { z } from "zod";
import { Failure } from "../failure.ts";
import { inSpan } from "../span.ts";
import { inTransaction } from "../transaction.ts";

export const contents = z.object({
  items: z
    .array(z.object({ productId: z.string().max(64), quantity: z.int().min(1).max(99) }))
    .min(1)
    .max(50),
});

interface Item {
  readonly productId: string;
  readonly name: string;
  readonly quantity: number;
  /** The price that the shopper saw. */
  readonly priceCents: number;
}

interface PricedItem extends Item {
  /** What the catalogue says now. */
  readonly currentCents: number;
}

interface Cart {
  readonly cartId: string;
  readonly items: readonly Item[];
  readonly totalCents: number;
}

const tracer = trace.getTracer("checkout.cart");

export class Carts {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async products(): Promise<readonly object[]> {
    const { rows } = await this.#pool.query<object>(
      'SELECT id, name, description, price_cents AS "priceCents" FROM products ORDER BY id',
    );
    return rows;
  }

  /** Keeps the prices of now, which the shopper is shown. */
  async create({ items }: z.infer<typeof contents>): Promise<Cart> {
    const cartId = await inTransaction(this.#pool, async (client) => {
      const { rows } = await client.query<{ id: string }>("INSERT INTO carts DEFAULT VALUES RETURNING id");
      const id = String(rows[0]?.id);
      const { rowCount } = await client.query(
        `INSERT INTO cart_items
         SELECT $1, product_id, sum(quantity), price_cents
         FROM unnest($2::text[], $3::integer[]) AS item (product_id, quantity) JOIN products ON products.id = product_id
         GROUP BY product_id, price_cents`,
        [id, items.map(({ productId }) => productId), items.map(({ quantity }) => quantity)],
      );
      if (rowCount !== new Set(items.map(({ productId }) => productId)).size) {
        throw new Failure("invalid_request", "The shop does not have one of these products.");
      }
      return id;
    });
    return cartOf(cartId, await this.items(cartId));
  }

  async items(cartId: string): Promise<readonly PricedItem[]> {
    const { rows } = await this.#pool.query<PricedItem>(
      `SELECT product_id AS "productId", name, quantity, item.price_cents AS "priceCents",
              product.price_cents AS "currentCents"
       FROM cart_items item JOIN products product ON product.id = product_id
       WHERE cart_id = $1 ORDER BY product_id`,
      [cartId],
    );
    if (rows.length === 0) throw new Failure("invalid_request", "There is no such cart.");
    return rows;
  }

  /** @throws Failure if a price is no longer the one that the shopper saw */
  validate(cartId: string): Promise<Cart> {
    return inSpan(tracer, "cart.validate", { attributes: { "cart.id": cartId } }, async () => {
      const items = await inSpan(tracer, "cart.fetch_contents", {}, async (span) => {
        const found = await this.items(cartId);
        span.setAttribute("cart.item_count", found.length);
        return found;
      });
      await inSpan(tracer, "cart.verify_prices", {}, (span) => verifyPrices(items, span));
      return cartOf(cartId, items);
    });
  }
}

function verifyPrices(items: readonly PricedItem[], span: Span): void {
  const stale = items.filter(({ priceCents, currentCents }) => priceCents !== currentCents);
  span.setAttribute("cart.stale_prices", stale.length);
  for (const { productId, priceCents, currentCents } of stale) {
    span.addEvent("price_mismatch", {
      "product.id": productId,
      "price.expected": priceCents,
      "price.actual": currentCents,
    });
  }
  if (stale.length === 0) return;
  const names = stale.map(({ name }) => name).join(", ");
  throw new Failure("stale_price", `The price has changed: ${names}. Please look at your cart again.`);
}

function cartOf(cartId: string, items: readonly PricedItem[]): Cart {
  return {
    cartId,
    items: items.map(({ productId, name, quantity, priceCents }) => ({ productId, name, quantity, priceCents })),
    totalCents: items.reduce((sum, { quantity, priceCents }) => sum + quantity * priceCents, 0),
  };
}
