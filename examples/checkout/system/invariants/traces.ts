import { type Evidence, variantOf } from "../evidence.ts";
import { failureStepOf } from "../figures.ts";
import { FORGED_VARIANT } from "../forgery.ts";
import type { Receipt } from "../shopping.ts";
import type { Span } from "../telemetry/telemetry.ts";
import type { Finding } from "./finding.ts";

/** The services that an order needs. */
const NEEDED = ["gateway", "cart", "inventory", "tax", "fraud", "payment", "order"];

/** What must hold of the spans. */
export function traceInvariants({ receipts, telemetry, leaks }: Evidence): readonly Finding[] {
  const traces = Map.groupBy(telemetry.spans, ({ traceId }) => traceId);
  const spansOf = (traceId: string): readonly Span[] => traces.get(traceId) ?? [];
  const all = receipts.flatMap((receipt) => receipt.traces.map((trace) => ({ ...trace, receipt })));
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
      checked: `${all.length} traces`,
      problems: all.flatMap(({ traceId, request, receipt }) =>
        problemsOfTrace(`trace ${traceId} of ${request}`, spansOf(traceId), receipt),
      ),
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
        const services = new Set(serverSpans(spansOf(traceId)).map(({ service }) => service));
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

function problemsOfTrace(trace: string, spans: readonly Span[], { visits }: Receipt): readonly string[] {
  const server = serverSpans(spans);
  if (!server.some(({ service }) => service === "gateway")) return [`${trace} has no server span of gateway`];
  const saw = visits[0]?.checkout;
  if (server.every((span) => variantOf(span) === saw)) return [];
  const shown = server.map((span) => `${variantOf(span)} at ${span.service}`).join(", ");
  return [`${trace}: the shopper saw ${saw}, the server spans show ${shown}`];
}

function serverSpans(spans: readonly Span[]): readonly Span[] {
  return spans.filter(({ kind }) => kind === "server");
}
