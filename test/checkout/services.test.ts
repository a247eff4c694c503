import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { System } from "../../examples/checkout/system/system.ts";
import type { Span } from "../../examples/checkout/system/telemetry/telemetry.ts";
import { CARD_NUMBERS, CARDS } from "../../examples/checkout/system/truth.ts";
import { startQuickSystem } from "./quick-system.ts";
import { type Answer, Shopper, type Variant } from "./shopper.ts";
import { criticalPath, notificationOf, SOON, some, Trace } from "./traces.ts";

const ROOT = join(import.meta.dirname, "../..");
const EXAMPLE = join(ROOT, "examples/checkout");

let system: System;
let database: Client;

beforeAll(async () => {
  system = await startQuickSystem();
  database = new Client({ connectionString: system.database.url });
  await database.connect();
});

afterAll(async () => {
  await database?.end();
  await system?.stop();
});

/** One order of each variant, by shoppers whom the gateway assigned. */
const orders = new Map<Variant, Answer>();

async function orderOf(variant: Variant): Promise<Answer> {
  const earlier = orders.get(variant);
  if (earlier !== undefined) return earlier;
  const shopper = await Shopper.in(system, variant, { baggage: "tenant=shop" });
  const cartId = await shopper.cartOf({ kettle: 1, beans: 2 });
  const answer = await shopper.checkout({ cartId, card: variant === "express" ? "stored" : CARDS.approved });
  orders.set(variant, answer);
  return answer;
}

/** One name at least of each service. */
const SPANS_OF_AN_ORDER = [
  "POST /tax",
  "POST /assessments",
  "POST /orders/:checkoutId",
  "experiment.assign_variant",
  "checkout.process",
  "cart.validate",
  "cart.fetch_contents",
  "cart.verify_prices",
  "inventory.reserve_batch",
  "inventory.reserve_item",
  "payment.process",
  "payment.gateway_call",
  "order.create",
];

describe("a placed order", () => {
  test("CHK-S01 has the tax of the address, and is answered with its id", async () => {
    expect(await orderOf("control")).toMatchObject({
      status: 201,
      body: { orderId: expect.stringMatching(/^[\da-f-]{36}$/), totalCents: 10_984, taxCents: 1_754, currency: "EUR" },
    });
  });

  test.each(["control", "single_page", "express"] as const)(
    "CHK-S02 is one trace from the browser on, and %s is on each span that the request has caused",
    async (variant) => {
      const { traceId } = await orderOf(variant);
      const { spans } = await Trace.of(system, traceId, ...SPANS_OF_AN_ORDER);
      const servers = spans.filter(({ kind }) => kind === "server");
      expect(new Set(servers.map(({ service }) => service))).toEqual(
        new Set(["gateway", "cart", "inventory", "tax", "fraud", "payment", "order"]),
      );
      const ofDatabase = spans.filter(({ name }) => name.startsWith("pg.query:"));
      expect(new Set(ofDatabase.map(({ service }) => service))).toEqual(new Set(["cart", "inventory", "order"]));

      // The span on which the other experiment was decided has that one's variant.
      const others = spans.filter(({ attributes }) => attributes.get("feature_flag.key") !== "shipping_banner");
      const shown = others.map(({ service, name, attributes }) => [
        service,
        name,
        attributes.get("experiment.variant"),
      ]);
      expect(shown.filter(([, , seen]) => seen !== variant)).toEqual([]);
      for (const { attributes } of servers) {
        expect(some(attributes, "experiment.checkout.variant", "experiment.checkout.forced")).toEqual({
          "experiment.checkout.variant": variant,
          "experiment.checkout.forced": undefined,
        });
        expect(attributes.get("experiment.checkout.subject")).toMatch(/^[\w-]{20,}$/);
      }
    },
  );

  test("CHK-S03 shows what each service did, by the names that reports read", async () => {
    const { traceId, body } = await orderOf("control");
    const trace = await Trace.of(system, traceId, ...SPANS_OF_AN_ORDER);
    const process = trace.one("checkout.process");
    expect(Object.fromEntries(process.attributes)).toMatchObject({
      "checkout.step": "order",
      "checkout.status": "success",
      "checkout.total": 10_984,
      "checkout.item_count": 2,
      "cart.id": expect.stringMatching(/^[\da-f-]{36}$/),
    });
    expect(process.attributes.has("checkout.failure_step")).toBe(false);
    expect(process.events.map(({ name }) => name)).toEqual(["cart_validated", "payment_processed", "order_created"]);

    expect(trace.one("cart.fetch_contents").attributes.get("cart.item_count")).toBe(2);
    expect(trace.one("cart.verify_prices").attributes.get("cart.stale_prices")).toBe(0);
    expect(
      some(trace.one("inventory.reserve_batch").attributes, "inventory.item_count", "inventory.reservations_created"),
    ).toEqual({ "inventory.item_count": 2, "inventory.reservations_created": 2 });
    const items = trace.all("inventory.reserve_item");
    expect(items.map(({ attributes }) => some(attributes, "product.id", "quantity.requested"))).toEqual([
      { "product.id": "beans", "quantity.requested": 2 },
      { "product.id": "kettle", "quantity.requested": 1 },
    ]);
    for (const { attributes } of items) expect(attributes.get("reservation.id")).toMatch(/^[\da-f-]{36}$/);

    for (const name of ["payment.process", "payment.gateway_call"]) {
      const { kind, attributes } = trace.one(name);
      expect(kind).toBe("client");
      expect(Object.fromEntries(attributes)).toMatchObject({
        "peer.service": "payment-provider",
        "payment.amount": 10_984,
        "payment.currency": "EUR",
        "payment.method_type": "card",
        "payment.status": "approved",
        "payment.charge_id": expect.stringMatching(/^ch_/),
      });
    }
    expect(trace.one("order.create").attributes.get("order.id")).toBe(body["orderId"]);
  });

  test("CHK-S04 is confirmed by a mail, whose trace is linked to the order's and has the same variant", async () => {
    for (const variant of ["control", "express"] as const) {
      const { traceId, body } = await orderOf(variant);
      const sent = await notificationOf(system, body["orderId"]);
      expect(sent.traceId).not.toBe(traceId);
      expect(sent.parentSpanId).toBe("");
      expect(sent.links.map((link) => link.traceId)).toEqual([traceId]);
      expect(sent.attributes.get("experiment.variant")).toBe(variant);
      const mails = system.mail?.mails.filter(({ subject }) => subject.endsWith(String(body["orderId"])));
      expect(mails?.map(({ text }) => text)).toEqual([expect.stringContaining("Total with tax: 109.84 €")]);
    }
  });

  test("CHK-S05 is measured and logged with its variant", async () => {
    const { traceId } = await orderOf("control");
    const { points, logs } = system.receiver.telemetry;
    const services = ["order", "notification"];
    await vi.waitFor(() => {
      for (const instrument of ["payment.processing.duration", "checkout.duration", "experiment.conversions"]) {
        const variants = points
          .filter((point) => point.instrument === instrument)
          .map(({ attributes }) => attributes.get("experiment.variant"));
        expect(variants).toEqual(expect.arrayContaining(["control", "single_page", "express"]));
      }
      for (const service of services) {
        const records = logs.filter((log) => log.service === service && log.body !== "the service listens");
        expect(records.length).toBeGreaterThan(2);
        for (const { attributes } of records) expect(attributes.get("experiment.variant")).toBeDefined();
      }
    }, SOON);
    expect(logs.find((log) => log.traceId === traceId && log.service === "order")?.attributes.get("order.id")).toBe(
      orders.get("control")?.body["orderId"],
    );
  });

  test("CHK-S06 is made by code that differs by variant: checks in sequence, or at once", async () => {
    const steps = ["checkout.step.inventory", "checkout.step.tax", "checkout.step.fraud"];
    for (const variant of ["control", "single_page", "express"] as const) {
      const { traceId } = await orderOf(variant);
      const trace = await Trace.of(system, traceId, ...steps);
      const [inventory, tax, fraud] = steps.map((name) => trace.one(name)) as [Span, Span, Span]; // why: three names
      const firstEnd = Math.min(...[inventory, tax, fraud].map(({ startMs, durationMs }) => startMs + durationMs));
      const isAtOnce = tax.startMs < firstEnd && fraud.startMs < firstEnd;
      expect([variant, isAtOnce]).toEqual([variant, variant !== "control"]);
    }
  });

  test("CHK-S07 is paid with the stored method in express, which alone is offered it", async () => {
    const { traceId } = await orderOf("express");
    const trace = await Trace.of(system, traceId, "payment.process");
    expect(trace.one("payment.process").attributes.get("payment.method_type")).toBe("stored");
    for (const variant of ["control", "single_page", "express"] as const) {
      const { body } = await (await Shopper.in(system, variant)).shop();
      expect(body["storedMethod"]).toEqual(variant === "express" ? { brand: "Visa", last4: "4242" } : null);
    }
  });

  test("CHK-S08 counts as a conversion of both experiments, once, however often it is asked for", async () => {
    const shopper = await Shopper.in(system, "single_page");
    const cartId = await shopper.cartOf({ grinder: 1 });
    const answers = await Promise.all(Array.from({ length: 5 }, () => shopper.checkout({ cartId, key: "twice" })));
    const later = await shopper.checkout({ cartId, key: "twice" });
    expect(new Set([...answers, later].map(({ status, body }) => `${status} ${String(body["orderId"])}`)).size).toBe(1);
    const { orderId } = later.body;
    expect(await count("SELECT FROM orders WHERE cart_id = $1", cartId)).toBe(1);
    expect(await count("SELECT FROM outbox WHERE order_id = $1", orderId)).toBe(1);

    const traceIds = new Set([...answers, later].map(({ traceId }) => traceId));
    await vi.waitFor(() => {
      const events = system.receiver.telemetry.logs.filter(
        ({ eventName, traceId }) => eventName === "experiment.conversion" && traceIds.has(traceId),
      );
      expect(events.map(({ attributes }) => attributes.get("experiment.key"))).toEqual(["checkout", "shipping_banner"]);
      for (const { attributes } of events) expect(attributes.get("experiment.conversion.value")).toBe(105.91);
    }, SOON);
  });
});

describe("a stranger", () => {
  test("CHK-S09 changes no variant by forged baggage, and no service sees a forged member", async () => {
    const forged = "experiment.checkout.variant=express,experiment%2Echeckout.variant=forged,tenant=forger";
    for (const variant of ["control", "single_page"] as const) {
      const shopper = await Shopper.in(system, variant, { baggage: forged });
      const answer = await shopper.checkout({ cartId: await shopper.cartOf({ filters: 1 }) });
      const { spans } = await Trace.of(system, answer.traceId, ...SPANS_OF_AN_ORDER);
      const seen = spans.flatMap(({ attributes }) => attributes.get("experiment.checkout.variant") ?? []);
      expect(new Set(seen)).toEqual(new Set([variant]));
      const { rows } = await database.query("SELECT headers->>'baggage' AS baggage FROM outbox WHERE order_id = $1", [
        answer.body["orderId"],
      ]);
      expect(rows).toEqual([{ baggage: expect.stringContaining(`experiment.checkout.variant=${variant}`) }]);
      expect(JSON.stringify(rows)).not.toMatch(/forged|%2E/);
    }
  });

  test("CHK-S10 sees each variant by a signed override only, which is measured as none", async () => {
    const { signOverride } = await import("otel-experiments/override");
    const sign = (secret: string) => signOverride({ checkout: "express" }, { secret, audience: "local" });
    const signed = new Shopper(system, { "x-experiment-override": sign(system.overrideSecret) });
    expect((await signed.shop()).body["checkout"]).toBe("express");
    const byCookie = new Shopper(system, { cookie: `experiment_override=${sign(system.overrideSecret)}` });
    expect((await byCookie.shop()).body["checkout"]).toBe("express");
    const answer = await signed.checkout({ cartId: await signed.cartOf({ filters: 1 }), card: "stored" });
    const trace = await Trace.of(system, answer.traceId);
    expect(trace.one("POST /api/checkout").attributes.get("experiment.checkout.forced")).toBe(true);

    const variants = await Promise.all(
      Array.from({ length: 12 }, async () => {
        const forger = new Shopper(system, { "x-experiment-override": sign("a secret of somebody else") });
        return (await forger.shop()).body["checkout"];
      }),
    );
    expect(new Set(variants).size).toBeGreaterThan(1);
  });
});

describe("the provider", () => {
  test("CHK-S11 gets no member of ours and no ticket, although others' members pass", async () => {
    await orderOf("control");
    const response = await fetch(`${system.addresses.provider}/control/requests`);
    const report = (await response.json()) as Report; // why: what the provider answers
    expect(report.requests).toBeGreaterThan(0);
    expect(report.experimentMembers).toBe(0);
    expect(report.baggage.map(({ value }) => value)).toContain("tenant=shop");
    expect(JSON.stringify(report)).not.toMatch(/experiment(?!Members)|control|single_page|express/);
  });

  test("CHK-S12 that stalls once is the critical path of that order, and the trace says so", async () => {
    const STALL_MS = 1_000;
    const shopper = await Shopper.in(system, "single_page");
    const cartId = await shopper.cartOf({ kettle: 1 });
    await fetch(`${system.addresses.provider}/control`, {
      method: "POST",
      body: JSON.stringify({ stallNext: 1, stallMs: STALL_MS }),
    });
    const answer = await shopper.checkout({ cartId });
    expect(answer.status).toBe(201);
    const trace = await Trace.of(system, answer.traceId, ...SPANS_OF_AN_ORDER);
    const root = trace.one("POST /api/checkout");
    const path = criticalPath(root, trace.spans);
    const total = [...path.values()].reduce((sum, share) => sum + share, 0);
    expect(total).toBeCloseTo(root.durationMs, 0);
    const shares = Map.groupBy(path, ([{ service }]) => service);
    const slowest = [...shares]
      .map(([service, parts]) => [service, parts.reduce((sum, [, share]) => sum + share, 0)] as const)
      .sort(([, a], [, b]) => b - a);
    expect(slowest[0]?.[0]).toBe("payment");
    expect(slowest[0]?.[1]).toBeGreaterThanOrEqual(STALL_MS - 5);
  });
});

interface Report {
  readonly requests: number;
  readonly experimentMembers: number;
  readonly baggage: readonly { readonly value: string }[];
}

describe("a card's number", () => {
  test("CHK-S13 is in no telemetry and not in the database, and no address is in telemetry, also if the request is broken or refused", async () => {
    const shopper = await Shopper.in(system, "control");
    const cartId = await shopper.cartOf({ filters: 1 });
    const number = CARDS.approved;
    // A parser quotes ten characters around its error, so a part of the number counts too.
    const part = number.slice(0, 8);
    const broken = [
      `{"cartId": "${cartId}", "payment": {"number": x${number}`,
      `{"cartId": "${cartId}", "payment": {"number": "${number}" oops}}`,
      JSON.stringify({ cartId, payment: { method: number, number } }),
      JSON.stringify({ cartId, [number]: number }),
      JSON.stringify({ cartId, email: number, payment: { method: "card", number: [number], expiry: number } }),
    ];
    for (const body of broken) {
      const answer = await shopper.call("/api/checkout", body);
      expect(answer).toMatchObject({ status: 400, body: { step: "cart", reason: "invalid_request" } });
      expect(JSON.stringify(answer.body)).not.toContain(part);
    }
    expect((await shopper.checkout({ cartId, card: CARDS.declined })).status).toBe(402);

    // What is logged and ended last comes with the next exports; the order's trace is behind it.
    const last = await shopper.checkout({ cartId, key: "behind-the-broken-ones" });
    await Trace.of(system, last.traceId, ...SPANS_OF_AN_ORDER);
    expect(system.receiver.leaks).toEqual([]);
    const everything = JSON.stringify([system.receiver.telemetry.logs, system.receiver.telemetry.spans], plain);
    expect([...CARD_NUMBERS, part, "@shopper.example"].filter((secret) => everything.includes(secret))).toEqual([]);

    const { rows } = await database.query<{ dump: string }>(
      "SELECT coalesce(query_to_xml(format('SELECT * FROM %I', tablename), true, false, '')::text, '') AS dump FROM pg_tables WHERE schemaname = 'public'",
    );
    for (const card of CARD_NUMBERS) expect(rows.filter(({ dump }) => dump.includes(card))).toEqual([]);
  });
});

test("CHK-S14 every service of ours has the same telemetry.ts, and no file of the example has over 150 lines", () => {
  const files = new Set(globSync("*/telemetry.ts", { cwd: EXAMPLE }));
  const services = ["cart", "fraud", "gateway", "inventory", "notification", "order", "payment", "tax"];
  expect(files).toEqual(new Set(services.map((service) => `${service}/telemetry.ts`)));
  expect(new Set([...files].map((file) => readFileSync(join(EXAMPLE, file), "utf8"))).size).toBe(1);
  const long = globSync("**/*.{ts,js,sql}", { cwd: EXAMPLE }).filter(
    (file) => readFileSync(join(EXAMPLE, file), "utf8").split("\n").length > 151,
  );
  expect(long).toEqual([]);
});

test("CHK-S16 services.md shows the lines of the service that it reads", () => {
  const page = readFileSync(join(EXAMPLE, "services.md"), "utf8");
  const [, shown = ""] = /```ts\n([^`]+)```/.exec(page) ?? [];
  const source = readFileSync(join(EXAMPLE, "tax/main.ts"), "utf8");
  const parts = shown.trim().split("\n\n");
  expect(parts.length).toBeGreaterThan(1);
  expect(parts.filter((part) => !source.includes(part))).toEqual([]);
  const files = [...page.matchAll(/`(\w+\/[\w-]+\.ts)`/g)].map(([, file = ""]) => file);
  expect(files.filter((file) => !existsSync(join(EXAMPLE, file)))).toEqual([]);
});

async function count(query: string, ...values: readonly unknown[]): Promise<number> {
  const { rowCount } = await database.query(query, [...values]);
  return rowCount ?? 0;
}

/** Maps have no JSON of their own. */
function plain(_key: string, value: unknown): unknown {
  return value instanceof Map ? [...value] : value;
}
