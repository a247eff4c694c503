import type { Evidence } from "./evidence.ts";
import { type Checkouts, checkoutsOf, type Outcome, outcomesOf, percentile, servedOf } from "./figures.ts";
import type { Finding } from "./invariants/finding.ts";
import { SERVICE_NAMES } from "./services.ts";

const MAX_PROBLEMS = 5;

/** Says in tables what came of the shoppers, from the exported telemetry alone. */
export function summaryOf({ telemetry }: Evidence): string {
  const checkouts = checkoutsOf(telemetry);
  const steps = [...new Set(checkouts.flatMap(({ failures }) => [...failures.keys()]))];
  return [
    "Checkout by variant, with the checkouts that failed by step, and the duration of checkout.process",
    ...table(
      ["variant", ...RATE, ...steps, "mails", "p50 ms", "p95 ms"],
      outcomesOf(telemetry, "checkout").map((outcome) => [
        ...rateOf(outcome),
        ...checkoutCells(
          checkouts.find(({ variant }) => variant === outcome.variant),
          steps,
        ),
      ]),
    ),
    "",
    "Shipping banner by variant",
    ...table(["variant", ...RATE], outcomesOf(telemetry, "shipping_banner").map(rateOf)),
    "",
    "Server spans by service and variant",
    ...table(
      ["service", "variant", "spans", "failed", "p50 ms", "p95 ms"],
      servedOf(telemetry, SERVICE_NAMES).map(({ service, variant, spans, failed, durationsMs }) => [
        service,
        variant,
        String(spans),
        String(failed),
        ...durationCells(durationsMs),
      ]),
    ),
  ].join("\n");
}

/** Says of each invariant whether it holds, and what is wrong if it does not. */
export function verdictOf(findings: readonly Finding[]): string {
  return findings
    .flatMap(({ statement, checked, problems }) => [
      `${problems.length === 0 ? "holds " : "BROKEN"}  ${statement} (${checked})`,
      ...problems.slice(0, MAX_PROBLEMS).map((problem) => `        - ${problem}`),
      ...(problems.length > MAX_PROBLEMS ? [`        - and ${problems.length - MAX_PROBLEMS} more`] : []),
    ])
    .join("\n");
}

const RATE = ["exposed", "orders", "rate"];

function rateOf({ variant, exposed, orders }: Outcome): readonly string[] {
  return [variant, String(exposed), String(orders), `${((100 * orders) / exposed).toFixed(1)} %`];
}

function checkoutCells(checkouts: Checkouts | undefined, steps: readonly string[]): readonly string[] {
  const { failures, mails = 0, durationsMs = [] } = checkouts ?? {};
  return [...steps.map((step) => String(failures?.get(step) ?? 0)), String(mails), ...durationCells(durationsMs)];
}

function durationCells(durationsMs: readonly number[]): readonly string[] {
  return [0.5, 0.95].map((share) => (durationsMs.length === 0 ? "-" : percentile(durationsMs, share).toFixed(1)));
}

/** Aligns texts to the left and figures to the right. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const isText = (column: number): boolean => rows.every((row) => !/^[\d-]/.test(row[column] ?? ""));
  return [head, ...rows].map((row) =>
    row
      .map((cell, column) => (isText(column) ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
}
