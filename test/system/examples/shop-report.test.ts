import { describe, expect, test } from "vitest";
import { percentile } from "../../../examples/shop/figures.ts";
import { measurementsOf, type OtlpAttribute, type OtlpSpan, serverSpansOf } from "../../../examples/shop/otlp.ts";
import { startReceiver } from "../../../examples/shop/receiver.ts";
import { type Report, reportOn } from "../../../examples/shop/report.ts";

/** A request as one service saw it. */
interface Visit {
  readonly trace: string;
  readonly service: string;
  readonly variant?: string | undefined;
  readonly ms?: number;
  readonly failed?: boolean;
  /** Own members that the bank counted. */
  readonly members?: number | undefined;
}

interface Measured {
  readonly service: string;
  readonly instrument: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly count: number;
}

const INSTRUMENTS = { gateway: "shop.orders", cart: "cart.value", payment: "payment.processing.duration" };
const EXPECTATION = { shoppers: 2, forged: 1, variants: ["control", "express"] };

/** Two shoppers on their way through all of the services, as they should go. */
function visits(): Visit[] {
  return [
    { trace: "a", service: "gateway", variant: "control", ms: 40 },
    { trace: "a", service: "cart", variant: "control", ms: 30 },
    { trace: "a", service: "payment", variant: "control", ms: 20 },
    { trace: "a", service: "bank", members: 0, ms: 10 },
    { trace: "b", service: "gateway", variant: "express", ms: 4, failed: true },
    { trace: "b", service: "cart", variant: "express", ms: 3, failed: true },
    { trace: "b", service: "payment", variant: "express", ms: 2.5, failed: true },
    { trace: "b", service: "bank", members: 0, ms: 1 },
  ];
}

function measured(): Measured[] {
  const services = Object.entries(INSTRUMENTS);
  return [
    ...services.flatMap(([service, instrument]) =>
      EXPECTATION.variants.map((variant) => ({
        service,
        instrument,
        attributes: { "experiment.variant": variant },
        count: 1,
      })),
    ),
    {
      service: "gateway",
      instrument: "experiment.baggage.rejections",
      attributes: { reason: "untrusted" },
      count: 1,
    },
  ];
}

function report(spans: readonly Visit[] = visits(), metrics: readonly Measured[] = measured()): Report {
  const resourceSpans = spans.map((visit) => ({
    resource: resourceOf(visit.service),
    scopeSpans: [{ spans: [spanOf(visit), { ...spanOf(visit), kind: 3 }] }],
  }));
  const resourceMetrics = metrics.map(({ service, instrument, attributes, count }) => {
    const point = { attributes: Object.entries(attributes).map(([key, value]) => text(key, value)) };
    const isHistogram = instrument !== "shop.orders" && instrument !== "experiment.baggage.rejections";
    const data = isHistogram
      ? { histogram: { dataPoints: [{ ...point, count, sum: 99 }] } }
      : { sum: { dataPoints: [{ ...point, asDouble: count }] } };
    return { resource: resourceOf(service), scopeMetrics: [{ metrics: [{ name: instrument, ...data }] }] };
  });
  return reportOn({ resourceSpans, resourceMetrics }, EXPECTATION);
}

function resourceOf(service: string): { attributes: OtlpAttribute[] } {
  return { attributes: [text("service.name", service)] };
}

function spanOf({ trace, variant, ms = 1, failed = false, members }: Visit): OtlpSpan {
  const attributes = [
    { key: "http.response.status_code", value: { intValue: failed ? 502 : 201 } },
    ...(variant === undefined ? [] : [text("experiment.variant", variant)]),
    ...(members === undefined ? [] : [{ key: "bank.experiment_members", value: { intValue: members } }]),
  ];
  const start = 1_790_000_000_000_000_000n;
  return {
    traceId: trace,
    kind: 2,
    startTimeUnixNano: String(start),
    endTimeUnixNano: String(start + BigInt(ms * 1e6)),
    attributes,
    status: { code: failed ? 2 : 0 },
  };
}

function text(key: string, stringValue: string): OtlpAttribute {
  return { key, value: { stringValue } };
}

/** The lines in which the report says what is wrong. */
function problems({ text: whole, ok }: Report): string[] {
  expect(ok).toBe(false);
  return whole.split("\n").filter((line) => line.startsWith("- "));
}

describe("the shop's report", () => {
  test("SHOP-01 shows requests, errors, p50 and p95 by variant and service, and that all is well", () => {
    const { text: whole, ok } = report();
    expect(whole).toBe(
      [
        "Server spans by variant and service, as exported",
        "variant  service  requests  errors  p50 ms  p95 ms",
        "control  gateway         1       0    40.0    40.0",
        "         cart            1       0    30.0    30.0",
        "         payment         1       0    20.0    20.0",
        "express  gateway         1       1     4.0     4.0",
        "         cart            1       1     3.0     3.0",
        "         payment         1       1     2.5     2.5",
        "",
        "2 traces, and each shows one variant throughout.",
        "Forged members that the gateway turned away: 1.",
        "Own members that the third party saw: 0, in 2 requests.",
      ].join("\n"),
    );
    expect(ok).toBe(true);
  });

  test("SHOP-02 names a trace whose services show different variants", () => {
    const spans = visits().map((visit) =>
      visit.trace === "b" && visit.service === "payment" ? { ...visit, variant: "control" } : visit,
    );
    const whole = report(spans);
    expect(problems(whole)).toContain(
      "- trace b shows several variants: express at gateway, express at cart, control at payment",
    );
    expect(whole.text).toContain("2 traces, of which 1 show one variant throughout.");
  });

  test("SHOP-03 names a trace in which one service shows no variant", () => {
    const spans = visits().map((visit) =>
      visit.trace === "a" && visit.service === "cart" ? { ...visit, variant: undefined } : visit,
    );
    expect(problems(report(spans))).toContain(
      "- trace a shows several variants: control at gateway, (none) at cart, control at payment",
    );
  });

  test("SHOP-04 names a trace that shows no variant at all", () => {
    const spans = visits().map((visit) => (visit.trace === "a" ? { ...visit, variant: undefined } : visit));
    const whole = report(spans);
    expect(problems(whole)).toContain("- trace a shows no variant");
    expect(whole.text).toMatch(/^\(none\) +gateway +1/m);
  });

  test("SHOP-05 names a trace whose variant the shop does not have, and gives it a row", () => {
    const spans = visits().map((visit) =>
      visit.trace === "b" && visit.variant !== undefined ? { ...visit, variant: "free_of_charge" } : visit,
    );
    const whole = report(spans);
    expect(problems(whole)).toContain(
      "- trace b shows a variant that the shop does not have: free_of_charge at gateway, free_of_charge at cart, free_of_charge at payment",
    );
    expect(whole.text).toMatch(/^free_of_charge +gateway +1/m);
  });

  test("SHOP-06 names a trace in which a service is missing", () => {
    const spans = visits().filter(({ trace, service }) => trace !== "a" || service !== "payment");
    expect(problems(report(spans))).toContain("- trace a has no server span of payment");
  });

  test("SHOP-07 notices that a shopper left no trace", () => {
    const spans = visits().filter(({ trace }) => trace !== "a");
    expect(problems(report(spans))).toContain("- traces: 1; shoppers: 2");
  });

  test("SHOP-08 counts what the third party saw", () => {
    const spans = visits().map((visit) => (visit.service === "bank" ? { ...visit, members: 2 } : visit));
    const whole = report(spans);
    expect(problems(whole)).toEqual(["- the bank saw 4 own members"]);
    expect(whole.text).toContain("Own members that the third party saw: 4, in 2 requests.");
  });

  test("SHOP-09 does not take silence of the third party for zero", () => {
    const silent = visits().map((visit) => ({ ...visit, members: undefined }));
    expect(problems(report(silent))).toEqual(["- requests in which the bank counted: 0; that it served: 2"]);
    const absent = visits().filter(({ service }) => service !== "bank");
    expect(problems(report(absent))).toEqual(["- requests that the bank served: 0; shoppers: 2"]);
  });

  test("SHOP-10 notices a forged member that was not turned away", () => {
    const metrics = measured().filter(({ instrument }) => instrument !== "experiment.baggage.rejections");
    expect(problems(report(visits(), metrics))).toEqual(["- members rejected at the edge: 0; members forged: 1"]);
  });

  test("SHOP-11 notices measurements that are attributed otherwise than the spans", () => {
    const metrics = measured().map((point) =>
      point.instrument === "cart.value" ? { ...point, attributes: { "experiment.variant": "control" } } : point,
    );
    expect(problems(report(visits(), metrics))).toEqual([
      "- measurements of cart.value for control: 2; server spans of cart: 1",
      "- measurements of cart.value for express: 0; server spans of cart: 1",
    ]);
  });

  test("SHOP-12 lists ten problems, and says how many more there are", () => {
    expect(problems(report([], []))).toHaveLength(3);
    const lost = Array.from({ length: 12 }, (_, index) => ({ trace: String(index), service: "gateway" }));
    const shown = problems(report(lost));
    expect(shown).toHaveLength(11);
    expect(shown.at(-1)).toMatch(/^- and \d+ more$/);
  });

  test("SHOP-13 takes percentiles by nearest rank", () => {
    const hundred = Array.from({ length: 100 }, (_, index) => index + 1);
    expect([percentile(hundred, 0.5), percentile(hundred, 0.95), percentile([7], 0.95)]).toEqual([50, 95, 7]);
    expect(percentile([1, 2], 0.5)).toBe(1);
  });
});

describe("the shop's receiver", () => {
  test("SHOP-14 keeps what is exported to it, and refuses the rest", async () => {
    const receiver = await startReceiver();
    const post = async (path: string, body: string): Promise<number> =>
      (await fetch(receiver.url + path, { method: "POST", body })).status;
    try {
      const resource = resourceOf("cart");
      const spans = {
        resourceSpans: [{ resource, scopeSpans: [{ spans: [spanOf({ trace: "a", service: "cart" })] }] }],
      };
      const dataPoints = [{ attributes: [], count: "3", sum: 1.5 }];
      const metrics = {
        resourceMetrics: [{ resource, scopeMetrics: [{ metrics: [{ name: "m", histogram: { dataPoints } }] }] }],
      };
      expect(await post("/v1/traces", JSON.stringify(spans))).toBe(200);
      expect(await post("/v1/metrics", JSON.stringify(metrics))).toBe(200);
      expect(await post("/v1/logs", "{}")).toBe(404);
      expect(await post("/v1/traces", "no JSON")).toBe(400);
      expect(serverSpansOf(receiver.telemetry).map(({ service, traceId }) => [service, traceId])).toEqual([
        ["cart", "a"],
      ]);
      expect(measurementsOf(receiver.telemetry, "m")).toEqual([
        { service: "cart", count: 3, sum: 1.5, attributes: new Map() },
      ]);
    } finally {
      receiver.close();
    }
  });
});
