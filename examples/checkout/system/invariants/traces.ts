import { type Evidence, NO_VARIANT, variantOf } from "../evidence.ts";
import { failureStepOf } from "../figures.ts";
import { FORGED_VARIANT } from "../forgery.ts";
import type { Receipt } from "../shopping.ts";
import type { Span } from "../telemetry/telemetry.ts";
import { type Checkout, TRUTH } from "../truth.ts";
import type { Finding } from "./finding.ts";

/** The services that an order needs. */
const NEEDED = ["gateway", "cart", "inventory", "tax", "fraud", "payment", "order"];

/** What must hold of the spans. */
export function traceInvariants({ receipts, telemetry, leaks }: Evidence): readonly Finding[] {
  const traces = Map.groupBy(telemetry.spans, ({ traceId }) => traceId);
  const spansOf = (traceId: string): readonly Span[] => traces.get(traceId) ?? [];
  const served = Map.groupBy(telemetry.spans.filter(isServer), ({ traceId }) => traceId);
  const saw = new Map(receipts.flatMap(({ visits }) => visits.map(({ traceId, checkout }) => [traceId, checkout])));
  const checkouts = receipts.flatMap(({ checkout }) => checkout ?? []);
  const orders = receipts.filter(isOrder);
  const sent = telemetry.spans.filter(({ name, failed }) => name === "notification.send" && !failed);
  const mails = Map.groupBy(
    sent.flatMap((span) => span.links.map(({ traceId }) => ({ traceId, span }))),
    ({ traceId }) => traceId,
  );

  return [
    {
      statement: "each trace shows one variant on every server span, the one that its shopper saw",
      checked: `${served.size} traces`,
      problems: [
        ...[...saw.keys()].filter((traceId) => !served.has(traceId)).map((traceId) => `trace ${traceId} is missing`),
        ...[...served].flatMap(([traceId, spans]) => problemsOfTrace(traceId, spans, saw.get(traceId))),
      ],
    },
    {
      statement: "each checkout has one checkout.process, which names the step that its shopper was told",
      checked: `${checkouts.length} checkouts`,
      problems: checkouts.flatMap(({ traceId, outcome }) => {
        const steps = spansOf(traceId)
          .filter(({ name }) => name === "checkout.process")
          .map(failureStepOf);
        const told = "orderId" in outcome ? "none" : outcome.step;
        return steps.length === 1 && steps[0] === told
          ? []
          : [`trace ${traceId}: the shopper was told ${told}, checkout.process says ${steps.join(", ") || "nothing"}`];
      }),
    },
    {
      statement: "each order's trace has a server span of every service that an order needs",
      checked: `${orders.length} orders`,
      problems: orders.flatMap(({ checkout }) => {
        const traceId = checkout?.traceId ?? "";
        const services = new Set((served.get(traceId) ?? []).map(({ service }) => service));
        const missing = NEEDED.filter((service) => !services.has(service));
        return missing.length === 0 ? [] : [`trace ${traceId} has no server span of ${missing.join(", ")}`];
      }),
    },
    {
      statement: "each order's mail has a span that is linked to the order's trace and has its variant",
      checked: `${sent.length} spans of mails`,
      problems: orders.flatMap(({ checkout, visits }) => {
        const traceId = checkout?.traceId ?? "";
        const variants = (mails.get(traceId) ?? []).map(({ span }) => variantOf(span));
        const expected = visits[0]?.checkout;
        if (variants.length === 0) return [`no span of a mail is linked to trace ${traceId}`];
        const wrong = variants.filter((variant) => variant !== expected);
        return wrong.map((variant) => `the mail of trace ${traceId} has ${variant} instead of ${expected}`);
      }),
    },
    {
      statement: "no forged variant reached a span or a log record",
      checked: `${telemetry.spans.length} spans, ${telemetry.logs.length} log records`,
      problems: [...telemetry.spans, ...telemetry.logs]
        .filter(({ attributes }) => [...attributes.values()].includes(FORGED_VARIANT))
        .map(({ service, traceId }) => `the ${service} service shows ${FORGED_VARIANT} in trace ${traceId}`),
    },
    {
      statement: "no card's number is in any exported telemetry",
      checked: "every export",
      problems: leaks.map((leak) => `a card's number was exported: ${leak}`),
    },
  ];
}

function isOrder({ checkout }: Receipt): boolean {
  return checkout !== undefined && "orderId" in checkout.outcome;
}

/** @param saw undefined if it is not the trace of a shopper's calls, such as that of the page's own request */
function problemsOfTrace(traceId: string, server: readonly Span[], saw: Checkout | undefined): readonly string[] {
  const [shown = NO_VARIANT, ...others] = new Set(server.map(variantOf));
  if (others.length === 0 && shown === (saw ?? shown) && Object.hasOwn(TRUTH, shown)) return [];
  const where = server.map((span) => `${variantOf(span)} at ${span.service}`).join(", ");
  return [`trace ${traceId}${saw === undefined ? "" : `, whose shopper saw ${saw},`} shows ${where}`];
}

/** The page's files are the same for everybody, and have no variant. */
function isServer({ kind, attributes }: Span): boolean {
  return kind === "server" && !String(attributes.get("url.path")).startsWith("/page/");
}
