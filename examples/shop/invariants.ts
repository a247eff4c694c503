import { NO_VARIANT, variantOf } from "./figures.ts";
import { type Measurement, measurementsOf, type ServerSpan, serverSpansOf, type Telemetry } from "./otlp.ts";

/** The shop's own services, from the edge inwards. */
export const SERVICES = ["gateway", "cart", "payment"] as const;

/** The instrument that each service records once per request, with the meter of its experiments. */
const INSTRUMENTS: Readonly<Record<(typeof SERVICES)[number], string>> = {
  gateway: "shop.orders",
  cart: "cart.value",
  payment: "payment.processing.duration",
};

/** The shoppers' actions, which the telemetry must show. */
export interface Expectation {
  readonly shoppers: number;
  /** The number of baggage members that shoppers forged. */
  readonly forged: number;
  readonly variants: readonly string[];
}

/** The result of the check that variants arrived everywhere they belong, and nowhere else. */
export interface Findings {
  readonly traces: number;
  /** The number of traces that show one variant throughout. */
  readonly uniform: number;
  readonly rejected: number;
  readonly thirdParty: { readonly requests: number; readonly members: number };
  /** In words. Empty if there is none. */
  readonly problems: readonly string[];
}

export function examine(telemetry: Telemetry, expectation: Expectation): Findings {
  const spans = serverSpansOf(telemetry);
  const shop = spans.filter(({ service }) => SERVICES.some((name) => name === service));
  const bank = spans.filter(({ service }) => service === "bank");
  const traces = [...Map.groupBy(shop, ({ traceId }) => traceId)].map(([traceId, trace]) =>
    problemsOfTrace(traceId, trace, expectation.variants),
  );
  const rejected = total(rejectedAtTheEdge(telemetry), ({ sum }) => sum);
  const members = total(bank, ({ attributes }) => Number(attributes.get("bank.experiment_members") ?? 0));

  const problems = [
    ...compare("traces", traces.length, "shoppers", expectation.shoppers),
    ...traces.flat(),
    ...SERVICES.flatMap((service) => problemsOfInstrument(service, shop, telemetry)),
    ...compare("members rejected at the edge", rejected, "members forged", expectation.forged),
    ...compare("requests that the bank served", bank.length, "shoppers", expectation.shoppers),
    ...compare("requests in which the bank counted", bank.filter(hasCount).length, "that it served", bank.length),
    ...(members === 0 ? [] : [`the bank saw ${members} own members`]),
  ];
  return {
    traces: traces.length,
    uniform: traces.filter(({ length }) => length === 0).length,
    rejected,
    thirdParty: { requests: bank.length, members },
    problems,
  };
}

/** Each trace must show one declared variant at each service. */
function problemsOfTrace(traceId: string, spans: readonly ServerSpan[], variants: readonly string[]): string[] {
  const inOrder = SERVICES.flatMap((name) => spans.filter(({ service }) => service === name));
  const shown = inOrder.map((span) => `${variantOf(span)} at ${span.service}`).join(", ");
  const [variant = NO_VARIANT, ...others] = new Set(inOrder.map(variantOf));

  const problems = SERVICES.filter((name) => !spans.some(({ service }) => service === name)).map(
    (name) => `trace ${traceId} has no server span of ${name}`,
  );
  if (others.length > 0) problems.push(`trace ${traceId} shows several variants: ${shown}`);
  else if (variant === NO_VARIANT) problems.push(`trace ${traceId} shows no variant`);
  else if (!variants.includes(variant)) {
    problems.push(`trace ${traceId} shows a variant that the shop does not have: ${shown}`);
  }
  return problems;
}

/** A service's own measurements must have the same variants as its spans. */
function problemsOfInstrument(
  service: (typeof SERVICES)[number],
  spans: readonly ServerSpan[],
  telemetry: Telemetry,
): string[] {
  const instrument = INSTRUMENTS[service];
  const measurements = measurementsOf(telemetry, instrument);
  const served = spans.filter((span) => span.service === service);
  const variants = new Set([...served, ...measurements].map(variantOf));
  return [...variants].flatMap((variant) => {
    const measured = total(
      measurements.filter((measurement) => variantOf(measurement) === variant),
      ({ count }) => count,
    );
    const requests = served.filter((span) => variantOf(span) === variant).length;
    return compare(`measurements of ${instrument} for ${variant}`, measured, `server spans of ${service}`, requests);
  });
}

function rejectedAtTheEdge(telemetry: Telemetry): readonly Measurement[] {
  return measurementsOf(telemetry, "experiment.baggage.rejections").filter(
    ({ service, attributes }) => service === "gateway" && attributes.get("reason") === "untrusted",
  );
}

function hasCount({ attributes }: ServerSpan): boolean {
  return attributes.has("bank.experiment_members");
}

function compare(what: string, actual: number, reference: string, expected: number): string[] {
  return actual === expected ? [] : [`${what}: ${actual}; ${reference}: ${expected}`];
}

function total<T>(items: readonly T[], number: (item: T) => number): number {
  return items.reduce((sum, item) => sum + number(item), 0);
}
