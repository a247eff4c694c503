import type { Evidence } from "../evidence.ts";
import { outcomesOf, seenOutcomes } from "../figures.ts";
import type { CheckedOut, Receipt } from "../shopping.ts";
import { compare, type Finding } from "./finding.ts";

/** The share of checkouts that may fail for no reason of the shopper's, such as a time-out on a busy machine. */
const TOLERATED = 0.01;

/** What must hold of what the shoppers saw, and of what the provider and the meters say of it. */
export function shopperInvariants(evidence: Evidence): readonly Finding[] {
  const { receipts, telemetry, provider } = evidence;
  const returning = receipts.filter(({ visits }) => visits.length > 1);
  const forgers = receipts.flatMap(({ forged }) => forged ?? []);
  const faults = receipts.flatMap((receipt) => receipt.faults);
  const checkouts = receipts.flatMap(({ checkout }) => checkout ?? []);
  const odd = checkouts.flatMap(oddityOf);
  const gatewayCalls = telemetry.spans.filter(({ name }) => name === "payment.gateway_call");

  return [
    {
      statement: "a visitor who returns sees the same variants again, forged headers or not",
      checked: `${returning.length} visitors, ${forgers.length} forgers`,
      problems: returning
        .filter(({ visits }) => new Set(visits.map(variantsOf)).size > 1)
        .map(({ shopper, visits }) => `shopper ${shopper} saw ${visits.map(variantsOf).join(", then ")}`),
    },
    {
      statement: "the gateway rejected each forged member, and no other service had one to reject",
      checked: `${forgers.length} forgers`,
      problems: [
        ...(["untrusted", "encoded_key"] as const).flatMap((reason) =>
          compare(
            `members that the gateway rejected as ${reason}`,
            rejections(evidence, "gateway", reason),
            "forged",
            forgers.reduce((sum, sent) => sum + sent[reason], 0),
          ),
        ),
        ...elsewhereRejected(evidence).map((service) => `the ${service} service got members that it rejected`),
      ],
    },
    {
      statement: "the provider saw no own member of the baggage",
      checked: `${provider.requests} requests`,
      problems: [
        ...compare("own members that it saw", provider.experimentMembers, "allowed", 0),
        ...(provider.requests < gatewayCalls.length
          ? [`it has a record of ${provider.requests} requests, and there were ${gatewayCalls.length} at least`]
          : []),
      ],
    },
    {
      statement: "exposed visitors and orders in the telemetry are those that the shoppers saw",
      checked: `${receipts.length} shoppers`,
      problems: [...problemsOfOutcomes(evidence, "checkout"), ...problemsOfOutcomes(evidence, "shipping_banner")],
    },
    {
      statement: "each checkout ends as its card, its address and its items call for",
      checked: `${checkouts.length} checkouts, at most ${100 * TOLERATED} in 100 otherwise`,
      problems: [...faults, ...(odd.length > TOLERATED * checkouts.length ? odd : [])],
    },
  ];
}

function variantsOf({ checkout, shippingBanner }: Receipt["visits"][number]): string {
  return `${checkout} and ${shippingBanner}`;
}

function oddityOf({ traceId, decision, outcome }: CheckedOut): readonly string[] {
  const { mayFail, mustFail } = decision;
  if ("orderId" in outcome) {
    return mustFail ? [`trace ${traceId} ended with an order, and should fail by ${mayFail.join(" or ")}`] : [];
  }
  return mayFail.includes(outcome.reason)
    ? []
    : [`trace ${traceId} failed in the step ${outcome.step} by ${outcome.reason}, for no reason of the shopper's`];
}

function problemsOfOutcomes(evidence: Evidence, key: "checkout" | "shipping_banner"): readonly string[] {
  const shown = new Map(outcomesOf(evidence.telemetry, key).map((outcome) => [outcome.variant, outcome]));
  const seen = seenOutcomes(evidence, key === "checkout" ? "checkout" : "shippingBanner");
  return seen.flatMap(({ variant, exposed, orders }) => [
    ...compare(`${key} ${variant}: exposed in the telemetry`, shown.get(variant)?.exposed ?? 0, "shoppers", exposed),
    ...compare(`${key} ${variant}: orders in the telemetry`, shown.get(variant)?.orders ?? 0, "shoppers", orders),
  ]);
}

function rejections({ telemetry }: Evidence, service: string, reason: string): number {
  return telemetry.points
    .filter((point) => point.instrument === "experiment.baggage.rejections" && point.service === service)
    .filter(({ attributes }) => attributes.get("reason") === reason)
    .reduce((total, { sum }) => total + sum, 0);
}

/** A forged member that passes the gateway would be rejected further in, or be believed there. */
function elsewhereRejected({ telemetry }: Evidence): readonly string[] {
  const rejecting = telemetry.points.filter(
    ({ instrument, service }) => instrument === "experiment.baggage.rejections" && service !== "gateway",
  );
  return [...new Set(rejecting.map(({ service }) => service))];
}
