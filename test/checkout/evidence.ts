import type { Evidence } from "../../examples/checkout/system/evidence.ts";
import type { Receipt } from "../../examples/checkout/system/shopping.ts";
import type { LogRecord, Point, Span } from "../../examples/checkout/system/telemetry/telemetry.ts";

type Attributes = Readonly<Record<string, string | number>>;

/** A span of a trace; whatever a test does not name has no part in it. */
export function span(service: string, traceId: string, variant: string | undefined, rest: Partial<Span> = {}): Span {
  return {
    service,
    scope: "",
    name: "",
    kind: "server",
    traceId,
    spanId: "",
    parentSpanId: "",
    startMs: 0,
    durationMs: 10,
    failed: false,
    attributes: attributes(variant === undefined ? {} : { "experiment.variant": variant }),
    events: [],
    links: [],
    ...rest,
  };
}

export function attributes(given: Attributes): ReadonlyMap<string, string | number> {
  return new Map(Object.entries(given));
}

function event(eventName: string, key: string, variant: string, subject: string): LogRecord {
  return {
    service: "gateway",
    eventName,
    severity: "",
    body: undefined,
    traceId: "",
    spanId: "",
    attributes: attributes({
      "experiment.key": key,
      "experiment.variant": variant,
      [`experiment.${key}.subject`]: subject,
    }),
  };
}

export function rejected(service: string, reason: string, sum: number): Point {
  return { service, instrument: "experiment.baggage.rejections", count: sum, sum, attributes: attributes({ reason }) };
}

const CARD = { method: "card", number: "4242424242424242", expiry: "12/30", cvc: "123" } as const;
const ITEMS = [{ productId: "beans", quantity: 2 }];
const ORDER_SERVICES = ["gateway", "cart", "inventory", "tax", "fraud", "payment", "order"];

/** Shopper 1 sees `express` twice, forges, and orders. Shopper 2 sees `control`, and is suspected. */
const receipts: readonly Receipt[] = [
  {
    shopper: 1,
    visits: [
      { traceId: "a1", checkout: "express", shippingBanner: "control" },
      { traceId: "a2", checkout: "express", shippingBanner: "control" },
    ],
    forged: { untrusted: 3, encoded_key: 1 },
    checkout: {
      traceId: "a2",
      decision: { items: ITEMS, payment: CARD, mayFail: [], mustFail: false },
      outcome: { orderId: "order-1", totalCents: 4498 },
    },
    faults: [],
  },
  {
    shopper: 2,
    visits: [{ traceId: "b1", checkout: "control", shippingBanner: "free_shipping" }],
    forged: undefined,
    checkout: {
      traceId: "b1",
      decision: { items: ITEMS, payment: CARD, mayFail: ["fraud_suspected"], mustFail: true },
      outcome: { step: "fraud", reason: "fraud_suspected" },
    },
    faults: [],
  },
];

const spans: readonly Span[] = [
  span("gateway", "a1", "express"),
  span("cart", "a1", "express"),
  // The page's own request, before its calls; and one of its files.
  span("gateway", "c1", "control"),
  span("gateway", "c2", undefined, { attributes: attributes({ "url.path": "/page/shop.css" }) }),
  ...ORDER_SERVICES.map((service) => span(service, "a2", "express")),
  process("a2", "express", { "checkout.status": "success" }, 40),
  span("payment", "a2", "express", { name: "payment.gateway_call", kind: "client" }),
  span("notification", "n1", "express", {
    name: "notification.send",
    kind: "consumer",
    links: [{ traceId: "a2", spanId: "" }],
  }),
  ...["gateway", "cart", "inventory", "tax", "fraud"].map((service) => span(service, "b1", "control")),
  process("b1", "control", { "checkout.status": "failure", "checkout.failure_step": "fraud" }, 20),
];

function process(traceId: string, variant: string, more: Attributes, durationMs: number): Span {
  const all = attributes({ "experiment.variant": variant, ...more });
  return span("gateway", traceId, variant, { name: "checkout.process", kind: "internal", attributes: all, durationMs });
}

/** Evidence of a shop in which everything holds. */
export const sound: Evidence = {
  receipts,
  telemetry: {
    spans,
    logs: [
      // Exposed in each visit, which is one visitor all the same.
      ...["s1", "s1"].map((subject) => event("experiment.exposure", "checkout", "express", subject)),
      event("experiment.exposure", "checkout", "control", "s2"),
      event("experiment.conversion", "checkout", "express", "s1"),
      ...["s1", "s1"].map((subject) => event("experiment.exposure", "shipping_banner", "control", subject)),
      event("experiment.exposure", "shipping_banner", "free_shipping", "s2"),
      event("experiment.conversion", "shipping_banner", "control", "s1"),
    ],
    points: [
      rejected("gateway", "untrusted", 1),
      rejected("gateway", "untrusted", 2),
      rejected("gateway", "encoded_key", 1),
    ],
  },
  leaks: [],
  provider: { requests: 1, experimentMembers: 0 },
  books: {
    orders: [{ orderId: "order-1", totalCents: 4498, outboxRows: 1, sentRows: 1 }],
    stock: [{ productId: "beans", before: 100, sold: 2, after: 98 }],
    heldReservations: 0,
  },
  mails: [{ to: "shopper-1@shoppers.example", subject: "Your order order-1", text: "", headers: new Map() }],
  ends: [],
};
