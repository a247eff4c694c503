import { randomUUID } from "node:crypto";
import { Client, Pool } from "pg";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { products } from "../../examples/checkout/database/seed.ts";
import { Reservations } from "../../examples/checkout/inventory/reservations.ts";
import type { System } from "../../examples/checkout/system/system.ts";
import { CARDS } from "../../examples/checkout/system/truth.ts";
import { inTransaction } from "../../examples/checkout/transaction.ts";
import { startQuickSystem } from "./quick-system.ts";
import { type Answer, Shopper } from "./shopper.ts";
import { notificationOf, SOON, some, Trace } from "./traces.ts";

let system: System;
/** Of the processes that ended by themselves. */
const crashes: Error[] = [];
/** Connects again after each halt of the database. */
let database: Pool;

beforeAll(async () => {
  system = await startQuickSystem({ payment: { PROVIDER_TIMEOUT_MS: "800" } }, (error) => void crashes.push(error));
  database = new Pool({ connectionString: system.database.url });
  database.on("error", () => undefined); // The tests stop the server.
});

afterAll(async () => {
  await database?.end();
  await system?.stop();
});

/** What the flow's span says of a failed checkout; nothing of it stays reserved. */
async function failureOf({ traceId }: Answer, killed = "no service"): Promise<Record<string, unknown>> {
  const trace = await Trace.without(killed, system, traceId, "checkout.process");
  return some(trace.one("checkout.process").attributes, "checkout.failure_step", "checkout.status", "error.type");
}

async function states(): Promise<Record<string, number>> {
  const { rows } = await database.query<{ state: string; count: string }>(
    "SELECT state, count(*) FROM reservations GROUP BY state",
  );
  return { held: 0, ...Object.fromEntries(rows.map(({ state, count }) => [state, Number(count)])) };
}

async function stall(stallNext: number, stallMs: number): Promise<void> {
  const body = JSON.stringify({ stallNext, stallMs });
  await fetch(`${system.addresses.provider}/control`, { method: "POST", body });
}

const CANCELLATION = "POST /payments/:checkoutId/cancellation";

interface Case {
  readonly id: string;
  readonly what: string;
  readonly cart?: Readonly<Record<string, number>>;
  readonly purchase?: { readonly card?: string; readonly country?: string; readonly email?: string };
  readonly before?: () => Promise<unknown>;
  readonly after?: () => Promise<unknown>;
  readonly status: number;
  readonly step: string;
  readonly reason: string;
  readonly flow?: string;
}

const FAILURES: readonly Case[] = [
  {
    id: "CHK-F01",
    what: "a price that has changed",
    before: () => database.query("UPDATE products SET price_cents = 5550 WHERE id = 'kettle'"),
    after: () => database.query("UPDATE products SET price_cents = 5450 WHERE id = 'kettle'"),
    status: 409,
    step: "cart",
    reason: "stale_price",
  },
  {
    id: "CHK-F02",
    what: "too little stock",
    cart: { mug: 4, beans: 1 },
    status: 409,
    step: "inventory",
    reason: "insufficient_stock",
  },
  {
    id: "CHK-F03",
    what: "a dear order from abroad",
    cart: { machine: 2 },
    purchase: { country: "NL" },
    status: 403,
    step: "fraud",
    reason: "fraud_suspected",
  },
  {
    id: "CHK-F04",
    what: "a suspected address",
    purchase: { email: "somebody@fraud.example" },
    status: 403,
    step: "fraud",
    reason: "fraud_suspected",
  },
  {
    id: "CHK-F05",
    what: "a hard decline",
    purchase: { card: CARDS.declined },
    status: 402,
    step: "payment",
    reason: "card_declined",
  },
  {
    id: "CHK-F06",
    what: "a provider that does not answer",
    before: () => stall(3, 3_000),
    status: 504,
    step: "payment",
    reason: "provider_timeout",
    flow: "timeout",
  },
];

describe.each(["control", "single_page"] as const)("a checkout of %s", (variant) => {
  test.each(FAILURES)(
    "$id fails in the step $step after $what, and releases what it had reserved",
    async ({ cart = { kettle: 1 }, purchase, before, after, status, step, reason, flow = "failure" }) => {
      const shopper = await Shopper.in(system, variant);
      const cartId = await shopper.cartOf(cart);
      await before?.();
      const answer = await shopper.checkout({ cartId, ...purchase });
      await after?.();
      expect(answer).toMatchObject({ status, body: { step, reason, message: expect.stringMatching(/^[A-Z].*\.$/) } });
      expect(await failureOf(answer)).toEqual({
        "checkout.failure_step": step,
        "checkout.status": flow,
        "error.type": reason,
      });
      expect((await states())["held"]).toBe(0);
      // Nobody knows whether a provider that gave no answer has charged.
      const trace = await Trace.of(system, answer.traceId, "checkout.step.undo");
      expect(trace.all(CANCELLATION)).toHaveLength(reason === "provider_timeout" ? 1 : 0);
    },
  );
});

describe("the spans of a failure", () => {
  test("CHK-F07 say which price was expected, and which item is missing", async () => {
    const shopper = await Shopper.in(system, "control");
    const kettle = await shopper.cartOf({ kettle: 1 });
    await database.query("UPDATE products SET price_cents = 5550 WHERE id = 'kettle'");
    const stale = await Trace.of(system, (await shopper.checkout({ cartId: kettle })).traceId, "cart.verify_prices");
    await database.query("UPDATE products SET price_cents = 5450 WHERE id = 'kettle'");
    const { attributes, events } = stale.one("cart.verify_prices");
    expect(attributes.get("cart.stale_prices")).toBe(1);
    expect(events.map((event) => [event.name, Object.fromEntries(event.attributes)])).toEqual([
      ["price_mismatch", { "product.id": "kettle", "price.expected": 5_450, "price.actual": 5_550 }],
    ]);

    const cartId = await shopper.cartOf({ mug: 4 });
    const scarce = await Trace.of(system, (await shopper.checkout({ cartId })).traceId, "inventory.reserve_item");
    expect(
      scarce.one("inventory.reserve_item").events.map((event) => [event.name, Object.fromEntries(event.attributes)]),
    ).toEqual([["insufficient_stock", { available: 3, requested: 4 }]]);
  });

  test("CHK-F08 tell a decline by its code, and count it by its type and variant", async () => {
    const shopper = await Shopper.in(system, "express");
    const answer = await shopper.checkout({ cartId: await shopper.cartOf({ beans: 1 }), card: CARDS.declined });
    const trace = await Trace.of(system, answer.traceId, "payment.process");
    for (const name of ["payment.process", "payment.gateway_call"]) {
      expect(some(trace.one(name).attributes, "payment.status", "payment.decline_code")).toEqual({
        "payment.status": "declined",
        "payment.decline_code": "card_declined",
      });
    }
    await vi.waitFor(() => {
      const errors = system.receiver.telemetry.points.filter(({ instrument }) => instrument === "payment.errors");
      expect(errors.map((point) => some(point.attributes, "error.type", "experiment.variant"))).toContainEqual({
        "error.type": "card_declined",
        "experiment.variant": "express",
      });
    }, SOON);
  });
});

describe("a payment", () => {
  test("CHK-F09 that is declined softly is tried again, and the order is placed", async () => {
    const shopper = await Shopper.in(system, "single_page");
    const answer = await shopper.checkout({ cartId: await shopper.cartOf({ beans: 1 }), card: CARDS.short });
    expect(answer.status).toBe(201);
    expect(await failureOf(answer)).toMatchObject({ "checkout.failure_step": undefined, "checkout.status": "success" });
    const trace = await Trace.of(system, answer.traceId, "payment.process");
    expect(
      trace.all("payment.gateway_call").map(({ attributes }) => some(attributes, "payment.attempt", "payment.status")),
    ).toEqual([
      { "payment.attempt": 1, "payment.status": "declined" },
      { "payment.attempt": 2, "payment.status": "approved" },
    ]);
  });

  test("CHK-F10 whose answer is late is tried again with the same key, and charged once", async () => {
    const shopper = await Shopper.in(system, "control");
    const cartId = await shopper.cartOf({ beans: 1 });
    await stall(1, 1_600);
    const answer = await shopper.checkout({ cartId });
    expect(answer.status).toBe(201);
    const trace = await Trace.of(system, answer.traceId, "payment.process");
    const errors = trace.all("payment.gateway_call").map(({ attributes }) => attributes.get("error.type"));
    expect([errors.at(0), errors.at(-1)]).toEqual(["TimeoutError", undefined]);
  });
});

describe("a checkout of which a part is down", () => {
  test("CHK-F11 fails in the step that needs the database, and works again when it is back", async () => {
    const shopper = await Shopper.in(system, "control");
    const cartId = await shopper.cartOf({ beans: 1 });
    await system.database.halt();
    const answer = await shopper.checkout({ cartId });
    await system.database.resume();
    expect(answer).toMatchObject({ status: 503, body: { step: "cart", reason: "unavailable" } });
    expect(await failureOf(answer)).toMatchObject({ "checkout.failure_step": "cart" });

    const next = await shopper.checkout({ cartId });
    expect(next.status).toBe(201);
    // The queue is heard again too.
    expect((await notificationOf(system, next.body["orderId"])).failed).toBe(false);
  });

  test("CHK-F12 fails in the step order if that service is killed, without an order, a charge or a reservation", async () => {
    const shopper = await Shopper.in(system, "control");
    const cartId = await shopper.cartOf({ kettle: 2 });
    const key = randomUUID();
    await using outbox = await Lock.take("LOCK TABLE outbox IN ACCESS EXCLUSIVE MODE");
    const buying = shopper.checkout({ cartId, key });
    await outbox.isAwaited();
    await system.processes.end("order", "SIGKILL");
    await outbox.release();
    const answer = await buying;
    await system.processes.restart("order");
    expect(answer).toMatchObject({ status: 503, body: { step: "order", reason: "unavailable" } });
    expect(await failureOf(answer, "order")).toMatchObject({ "checkout.failure_step": "order" });
    expect(await ordersOf(cartId)).toBe(0);
    expect((await states())["held"]).toBe(0);
    const trace = await Trace.without("order", system, answer.traceId, CANCELLATION);
    expect(trace.one(CANCELLATION).attributes.get("http.response.status_code")).toBe(200);

    // The key stands for the failed one; the same cart can be bought by another.
    expect(await shopper.checkout({ cartId, key })).toMatchObject({ status: 400, body: { step: "inventory" } });
    expect((await shopper.checkout({ cartId })).status).toBe(201);
    expect(await ordersOf(cartId)).toBe(1);
  });

  test("CHK-F13 succeeds if the order service is killed after the order is certain and before it could say so", async () => {
    const shopper = await Shopper.in(system, "single_page");
    const cartId = await shopper.cartOf({ kettle: 2 });
    await database.query(
      `CREATE FUNCTION wait_at_commit() RETURNS trigger LANGUAGE plpgsql
         AS 'BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NULL; END';
       CREATE CONSTRAINT TRIGGER wait_at_commit AFTER INSERT ON orders DEFERRABLE INITIALLY DEFERRED
         FOR EACH ROW EXECUTE FUNCTION wait_at_commit()`,
    );
    await using commit = await Lock.take("SELECT pg_advisory_xact_lock(1)");
    const buying = shopper.checkout({ cartId });
    await commit.isAwaited();
    await system.processes.end("order", "SIGKILL");
    await commit.release();
    const answer = await buying;
    await system.processes.restart("order");
    await database.query("DROP FUNCTION wait_at_commit CASCADE");
    expect(answer).toMatchObject({ status: 201, body: { totalCents: 12_971 } });
    expect(await ordersOf(cartId)).toBe(1);
    await notificationOf(system, answer.body["orderId"]);
    expect(mailsOf(answer)).toHaveLength(1);
  });
});

describe("the last three items", () => {
  test("CHK-F14 are sold to three of fifty buyers at once, without a deadlock", async () => {
    const shoppers = Array.from({ length: 50 }, () => new Shopper(system));
    // Two products each, put into the cart in both orders.
    const carts = await Promise.all(
      shoppers.map((shopper, index) => shopper.cartOf(index % 2 === 0 ? { mug: 1, beans: 1 } : { beans: 1, mug: 1 })),
    );
    const answers = await Promise.all(
      shoppers.map((shopper, index) => shopper.checkout({ cartId: carts[index] ?? "" })),
    );
    const outcomes = answers.map(({ status, body }) => `${status} ${String(body["step"])}`);
    expect(outcomes.filter((outcome) => outcome === "201 undefined")).toHaveLength(3);
    expect(outcomes.filter((outcome) => outcome === "409 inventory")).toHaveLength(47);
    const { rows } = await database.query(
      "SELECT available, (SELECT sum(deadlocks)::integer FROM pg_stat_database) AS deadlocks FROM stock WHERE product_id = 'mug'",
    );
    expect(rows).toEqual([{ available: 0, deadlocks: 0 }]);
  });
});

describe("a reservation", () => {
  test("CHK-F15 is given back when its time is over, and cannot be ordered any more", async () => {
    const reservations = new Reservations(database);
    const id = randomUUID();
    await reservations.reserve(id, [{ productId: "filters", quantity: 5 }]);
    await reservations.releaseExpired();
    expect(await states()).toMatchObject({ held: 1 });
    await database.query("UPDATE reservations SET expires_at = now() WHERE checkout_id = $1", [id]);
    await reservations.releaseExpired();
    expect(await states()).toMatchObject({ held: 0 });
    expect(await reservations.release(id)).toBe("released");

    const items = [{ productId: "filters", name: "Paper filters", quantity: 5, priceCents: 390 }];
    const order = { cartId: id, email: "late@shopper.example", address: {}, items, taxCents: 0, totalCents: 1_950 };
    const answer = await fetch(`${system.addresses.order}/orders/${id}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ ...order, chargeId: "none" }),
    });
    expect([answer.status, await ordersOf(id)]).toEqual([409, 0]);
  });

  test("CHK-F16 that comes after its release reserves nothing", async () => {
    const reservations = new Reservations(database);
    const id = randomUUID();
    expect(await reservations.release(id)).toBe("released");
    await expect(reservations.reserve(id, [{ productId: "filters", quantity: 5 }])).rejects.toMatchObject({
      code: "invalid_request",
    });
    expect(await states()).toMatchObject({ held: 0 });
  });
});

describe("a transaction", () => {
  test("CHK-F20 whose connection breaks between two queries fails, and the process goes on", async () => {
    const failed = inTransaction(database, async (client) => {
      const { rows } = await client.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
      const broken = new Promise((resolve) => void client.once("end", resolve));
      await database.query("SELECT pg_terminate_backend($1)", [rows[0]?.pid]);
      await broken;
      return "done";
    });
    await expect(failed).rejects.toThrow(/connection|queryable/i);
    const { rows } = await inTransaction(database, (client) => client.query("SELECT 1 AS one"));
    expect(rows).toEqual([{ one: 1 }]);
  });
});

describe("a confirmation", () => {
  test("CHK-F17 that the mail server refuses does not fail the checkout, and is sent later", async () => {
    const { mail } = system;
    if (mail === undefined) throw new Error("SMTP_URL is set, so the test cannot make the mail server refuse");
    const shopper = await Shopper.in(system, "control");
    mail.refusing = true;
    const answer = await shopper.checkout({ cartId: await shopper.cartOf({ beans: 1 }) });
    expect(answer.status).toBe(201);
    const { failed, attributes } = await notificationOf(system, answer.body["orderId"]);
    expect([failed, attributes.get("notification.attempt")]).toEqual([true, 1]);
    expect(mailsOf(answer)).toHaveLength(0);
    mail.refusing = false;
    await vi.waitFor(() => expect(mailsOf(answer)).toHaveLength(1), SOON);
  });

  test("CHK-F18 comes again if its process was killed before it could say that it was sent", async () => {
    const shopper = await Shopper.in(system, "express");
    await database.query(
      `CREATE FUNCTION wait_to_say() RETURNS trigger LANGUAGE plpgsql
         AS 'BEGIN PERFORM pg_advisory_xact_lock(2); RETURN NEW; END';
       CREATE TRIGGER wait_to_say BEFORE UPDATE OF sent_at ON outbox FOR EACH ROW EXECUTE FUNCTION wait_to_say()`,
    );
    await using saying = await Lock.take("SELECT pg_advisory_xact_lock(2)");
    const answer = await shopper.checkout({ cartId: await shopper.cartOf({ beans: 1 }), card: "stored" });
    await saying.isAwaited();
    expect(mailsOf(answer)).toHaveLength(1);
    await system.processes.end("notification", "SIGKILL");
    await saying.release();
    await system.processes.restart("notification");
    await vi.waitFor(() => expect(mailsOf(answer)).toHaveLength(2), SOON);
    await database.query("DROP FUNCTION wait_to_say CASCADE");
    // A mailbox sees that both are the same mail.
    expect(new Set(mailsOf(answer).map(({ headers }) => headers.get("message-id"))).size).toBe(1);
  });
});

describe("after all of this", () => {
  test("CHK-F19 no item is lost or sold twice, and each order has its sale, its message and its mail", async () => {
    const { rows } = await database.query<{ product: string; items: string }>(
      `SELECT product_id AS product, available + coalesce(sum(quantity) FILTER (WHERE state <> 'released'), 0) AS items
       FROM stock LEFT JOIN reserved_items USING (product_id) LEFT JOIN reservations USING (checkout_id)
       GROUP BY product_id, available`,
    );
    expect(Object.fromEntries(rows.map(({ product, items }) => [product, Number(items)]))).toEqual(
      Object.fromEntries(products.map(({ id, stock }) => [id, stock])),
    );
    const { rowCount: wrong } = await database.query(
      `SELECT FROM reservations FULL JOIN orders ON id = checkout_id FULL JOIN outbox ON order_id = checkout_id
       WHERE (state = 'sold') IS DISTINCT FROM (orders.id IS NOT NULL)
          OR (orders.id IS NULL) IS DISTINCT FROM (outbox.id IS NULL)`,
    );
    expect(wrong).toBe(0);
    await vi.waitFor(async () => {
      const { rowCount: unsent } = await database.query("SELECT FROM outbox WHERE sent_at IS NULL");
      expect(unsent).toBe(0);
    }, SOON);
    const { rows: orders } = await database.query<{ id: string }>("SELECT id FROM orders");
    const mailed = new Set(system.mail?.mails.map(({ subject }) => subject.split(" ").at(-1)));
    expect(mailed).toEqual(new Set(orders.map(({ id }) => id)));
    expect(crashes).toEqual([]);
  });
});

function mailsOf({ body }: Answer): NonNullable<System["mail"]>["mails"] {
  return system.mail?.mails.filter(({ subject }) => subject.endsWith(String(body["orderId"]))) ?? [];
}

async function ordersOf(cartId: string): Promise<number> {
  const { rowCount } = await database.query("SELECT FROM orders WHERE cart_id = $1", [cartId]);
  return rowCount ?? 0;
}

/** A lock in the database, which stops a service at a certain place. */
class Lock implements AsyncDisposable {
  readonly #client: Client;
  #isHeld = true;

  private constructor(client: Client) {
    this.#client = client;
  }

  static async take(statement: string): Promise<Lock> {
    const client = new Client({ connectionString: system.database.url });
    await client.connect();
    await client.query("BEGIN");
    await client.query(statement);
    return new Lock(client);
  }

  /** Waits until somebody waits for the lock. */
  async isAwaited(): Promise<void> {
    await vi.waitFor(async () => {
      const { rowCount } = await this.#client.query("SELECT FROM pg_locks WHERE NOT granted");
      if (rowCount === 0) throw new Error("nobody waits for the lock");
    }, SOON);
  }

  async release(): Promise<void> {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    await this.#client.end();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}
