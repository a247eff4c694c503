import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Evidence } from "../../examples/checkout/system/evidence.ts";
import { percentile } from "../../examples/checkout/system/figures.ts";
import { examine } from "../../examples/checkout/system/invariants.ts";
import { summaryOf, verdictOf } from "../../examples/checkout/system/summary.ts";
import type { Span } from "../../examples/checkout/system/telemetry/telemetry.ts";
import { attributes, rejected, sound, span } from "./evidence.ts";

/** Other spans in the same shop. */
function withSpans(change: (span: Span) => Span | undefined): Evidence {
  const spans = sound.telemetry.spans.flatMap((one) => change(one) ?? []);
  return { ...sound, telemetry: { ...sound.telemetry, spans } };
}

function withBooks(books: Partial<Evidence["books"]>): Evidence {
  return { ...sound, books: { ...sound.books, ...books } };
}

/** Another receipt of a shopper. */
function withReceipt(shopper: number, change: Partial<Evidence["receipts"][number]>): Evidence {
  const receipts = sound.receipts.map((one) => (one.shopper === shopper ? { ...one, ...change } : one));
  return { ...sound, receipts };
}

const [first, second] = sound.receipts;
const seen = first?.visits ?? [];
const [order] = sound.books.orders;
if (first === undefined || second?.checkout === undefined || order === undefined) throw new Error("no evidence");

/** What is wrong, by its test. */
const broken: readonly (readonly [title: string, evidence: Evidence, problem: string | RegExp])[] = [
  [
    "CHK-I02 finds a trace whose services show different variants",
    withSpans((one) => (one.traceId === "a1" && one.service === "cart" ? span("cart", "a1", "control") : one)),
    "trace a1, whose shopper saw express, shows express at gateway, control at cart",
  ],
  [
    "CHK-I03 finds a trace in which one service shows no variant",
    withSpans((one) => (one.traceId === "b1" && one.service === "tax" ? span("tax", "b1", undefined) : one)),
    /^trace b1, whose shopper saw control, shows .*\(none\) at tax/,
  ],
  [
    "CHK-I04 finds a trace that shows another variant than its shopper saw",
    withSpans((one) => (one.traceId === "a1" ? span(one.service, "a1", "control") : one)),
    "trace a1, whose shopper saw express, shows control at gateway, control at cart",
  ],
  [
    "CHK-I05 finds a variant that the shop does not have, in a trace of no shopper too",
    withSpans((one) => (one.traceId === "c1" ? span("gateway", "c1", "two_page") : one)),
    "trace c1 shows two_page at gateway",
  ],
  [
    "CHK-I06 finds a visit that left no trace",
    withSpans((one) => (one.traceId === "a1" ? undefined : one)),
    "trace a1 is missing",
  ],
  [
    "CHK-I07 finds a checkout.process that names another step than the shopper was told",
    withSpans((one) =>
      one.traceId === "b1" && one.name === "checkout.process"
        ? { ...one, attributes: attributes({ "experiment.variant": "control", "checkout.failure_step": "tax" }) }
        : one,
    ),
    "trace b1: the shopper was told fraud, checkout.process says tax",
  ],
  [
    "CHK-I08 finds a checkout without checkout.process",
    withSpans((one) => (one.traceId === "a2" && one.name === "checkout.process" ? undefined : one)),
    "trace a2: the shopper was told none, checkout.process says nothing",
  ],
  [
    "CHK-I09 finds an order that did not reach every service",
    withSpans((one) => (one.traceId === "a2" && one.service === "tax" ? undefined : one)),
    "trace a2 has no server span of tax",
  ],
  [
    "CHK-I10 finds an order whose mail has no span",
    withSpans((one) => (one.name === "notification.send" ? { ...one, failed: true } : one)),
    "no span of a mail is linked to trace a2",
  ],
  [
    "CHK-I11 finds a mail with another variant than its order",
    withSpans((one) =>
      one.name === "notification.send" ? { ...one, attributes: attributes({ "experiment.variant": "control" }) } : one,
    ),
    "the mail of trace a2 has control instead of express",
  ],
  [
    "CHK-I12 finds a forged variant on any span",
    withSpans((one) =>
      one.name === "payment.gateway_call" ? { ...one, attributes: attributes({ any: "free_of_charge" }) } : one,
    ),
    "the payment service shows free_of_charge in trace a2",
  ],
  [
    "CHK-I13 tells of a card's number",
    { ...sound, leaks: ["/v1/logs 4242"] },
    "a card's number was exported: /v1/logs 4242",
  ],
  [
    "CHK-I14 finds a visitor who returned to another variant",
    withReceipt(1, {
      visits: seen.map((visit, index) => (index === 1 ? { ...visit, shippingBanner: "free_shipping" } : visit)),
    }),
    "shopper 1 saw express and control, then express and free_shipping",
  ],
  [
    "CHK-I15 finds a forged member that the gateway did not reject",
    { ...sound, telemetry: { ...sound.telemetry, points: sound.telemetry.points.slice(1) } },
    "members that the gateway rejected as untrusted: 2; forged: 3",
  ],
  [
    "CHK-I16 finds a forged member that came further than the gateway",
    {
      ...sound,
      telemetry: { ...sound.telemetry, points: [...sound.telemetry.points, rejected("cart", "untrusted", 1)] },
    },
    "the cart service got members that it rejected",
  ],
  [
    "CHK-I17 finds an own member that the provider saw",
    { ...sound, provider: { requests: 1, experimentMembers: 2 } },
    "own members that it saw: 2; allowed: 0",
  ],
  [
    "CHK-I18 does not take a provider that saw no request for one that saw no member",
    { ...sound, provider: { requests: 0, experimentMembers: 0 } },
    "it has a record of 0 requests, and there were 1 at least",
  ],
  [
    "CHK-I19 finds an exposure that is not in the telemetry",
    { ...sound, telemetry: { ...sound.telemetry, logs: sound.telemetry.logs.slice(2) } },
    "checkout express: exposed in the telemetry: 0; shoppers: 1",
  ],
  [
    "CHK-I20 finds an order that is not in the telemetry",
    { ...sound, telemetry: { ...sound.telemetry, logs: sound.telemetry.logs.slice(0, -1) } },
    "shipping_banner control: orders in the telemetry: 0; shoppers: 1",
  ],
  [
    "CHK-I21 finds a checkout that ended otherwise than its card, address and items call for",
    withReceipt(2, { checkout: { ...second.checkout, outcome: { step: "fraud", reason: "unavailable" } } }),
    "trace b1 failed in the step fraud by unavailable, for no reason of the shopper's",
  ],
  [
    "CHK-I22 tells of an answer that a shop does not give",
    withReceipt(1, { faults: ["shopper 1: GET / was answered with 500"] }),
    "shopper 1: GET / was answered with 500",
  ],
  [
    "CHK-I23 finds an order that was lost",
    withBooks({ orders: [] }),
    "order order-1 is not in the database with the total that the shopper was told",
  ],
  [
    "CHK-I24 finds an order that was doubled",
    withBooks({ orders: [order, { ...order, orderId: "order-2" }] }),
    "orders in the database: 2; shoppers who were told of one: 1",
  ],
  [
    "CHK-I25 finds an order whose row in the queue is not done",
    withBooks({ orders: [{ ...order, sentRows: 0 }] }),
    "order order-1 has 1 rows, 0 of them done",
  ],
  ["CHK-I26 finds an order without a mail", { ...sound, mails: [] }, "order order-1 has 0 mails"],
  [
    "CHK-I27 finds an order with two mails",
    { ...sound, mails: [...(sound.mails ?? []), ...(sound.mails ?? [])] },
    "order order-1 has 2 mails",
  ],
  [
    "CHK-I28 finds a stock that is negative",
    withBooks({ stock: [{ productId: "mug", before: 3, sold: 4, after: -1 }] }),
    "mug: 3 before, 4 sold, -1 left",
  ],
  [
    "CHK-I29 finds items that are gone and not sold",
    withBooks({ stock: [{ productId: "mug", before: 3, sold: 1, after: 1 }] }),
    "mug: 3 before, 1 sold, 1 left",
  ],
  [
    "CHK-I30 finds a reservation that is left open",
    withBooks({ heldReservations: 1 }),
    "reservations that are still held: 1; allowed: 0",
  ],
  [
    "CHK-I31 tells of a process that did not end in order",
    { ...sound, ends: ["The cart service did not stop in order: 1."] },
    "The cart service did not stop in order: 1.",
  ],
];

describe("the invariants of the checkout", () => {
  test("CHK-I01 hold in a sound shop", () => {
    const findings = examine(sound);
    expect(findings.flatMap(({ problems }) => problems)).toEqual([]);
    expect(new Set(findings.map(({ statement }) => statement)).size).toBe(17);
  });

  test("CHK-I36 are those that the example's README lists", () => {
    const page = readFileSync(new URL("../../examples/checkout/README.md", import.meta.url), "utf8");
    const rows = [...page.matchAll(/^\| ([^|]+) \| [^|]+ \|$/gm)].map(([, cell = ""]) => cell.replaceAll("`", ""));
    expect(rows).toEqual(expect.arrayContaining(examine(sound).map(({ statement }) => statement)));
  });

  test.each(broken)("%s", (_title, evidence, problem) => {
    const problems = examine(evidence).flatMap((finding) => finding.problems);
    expect(problems).toContainEqual(
      expect.stringMatching(typeof problem === "string" ? `^${escaped(problem)}$` : problem),
    );
  });

  test("CHK-I32 tolerate one checkout in a hundred that fails for no reason of the shopper's, and not two", () => {
    const [one, ...others] = Array.from({ length: 100 }, () => first);
    const odd = { ...second, checkout: { ...second?.checkout, outcome: { step: "order", reason: "unavailable" } } };
    const statement = "each checkout ends as its card, its address and its items call for";
    const problemsOf = (receipts: readonly unknown[]) =>
      // why: receipts of the same form
      examine({ ...sound, receipts: receipts as Evidence["receipts"] }).find(
        (finding) => finding.statement === statement,
      )?.problems;
    expect(problemsOf([one, ...others.slice(1), odd])).toEqual([]);
    expect(problemsOf([...others.slice(1), odd, odd])).toHaveLength(2);
  });
});

function escaped(text: string): string {
  return text.replaceAll(/[.()[\]]/g, String.raw`\$&`);
}

describe("the summary of the checkout", () => {
  test("CHK-I33 has visitors, orders, failures by step and durations by variant, and server spans by service", () => {
    expect(summaryOf(sound)).toBe(
      [
        "Checkout by variant, with the checkouts that failed by step, and the duration of checkout.process",
        "variant  exposed  orders     rate  fraud  mails  p50 ms  p95 ms",
        "control        1       0    0.0 %      1      0    20.0    20.0",
        "express        1       1  100.0 %      0      1    40.0    40.0",
        "",
        "Shipping banner by variant",
        "variant        exposed  orders     rate",
        "control              1       1  100.0 %",
        "free_shipping        1       0    0.0 %",
        "",
        "Server spans by service and variant",
        "service    variant  spans  failed  p50 ms  p95 ms",
        "gateway    (none)       1       0    10.0    10.0",
        "gateway    control      2       0    10.0    10.0",
        "gateway    express      2       0    10.0    10.0",
        "cart       control      1       0    10.0    10.0",
        "cart       express      2       0    10.0    10.0",
        ...["inventory", "tax      ", "fraud    "].flatMap((service) => [
          `${service}  control      1       0    10.0    10.0`,
          `${service}  express      1       0    10.0    10.0`,
        ]),
        "payment    express      1       0    10.0    10.0",
        "order      express      1       0    10.0    10.0",
      ].join("\n"),
    );
  });

  test("CHK-I34 shows five problems of a statement, and says how many more there are", () => {
    const problems = Array.from({ length: 7 }, (_, index) => `problem ${index + 1}`);
    expect(verdictOf([{ statement: "all is well", checked: "7 things", problems }])).toBe(
      [
        "BROKEN  all is well (7 things)",
        ...problems.slice(0, 5).map((problem) => `        - ${problem}`),
        "        - and 2 more",
      ].join("\n"),
    );
  });

  test("CHK-I35 takes percentiles by nearest rank", () => {
    const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect([percentile(hundred, 0.5), percentile(hundred, 0.95), percentile([7], 0.95)]).toEqual([50, 95, 7]);
    expect(percentile([1, 2], 0.5)).toBe(1);
  });
});
