import { type Evidence, variantOf } from "./evidence.ts";
import type { LogRecord, Span, Telemetry } from "./telemetry/telemetry.ts";

/** What came of one variant of an experiment. */
export interface Outcome {
  readonly variant: string;
  /** Visitors, not exposures: a visitor is exposed in each visit. */
  readonly exposed: number;
  readonly orders: number;
}

/** What came of the checkouts of one variant. */
export interface Checkouts {
  readonly variant: string;
  readonly failures: ReadonlyMap<string, number>;
  readonly durationsMs: readonly number[];
  readonly mails: number;
}

/** The server spans of one service in one variant. */
export interface Served {
  readonly service: string;
  readonly variant: string;
  readonly spans: number;
  readonly failed: number;
  readonly durationsMs: readonly number[];
}

export function outcomesOf({ logs }: Telemetry, key: string): readonly Outcome[] {
  const events = logs.filter(({ attributes }) => attributes.get("experiment.key") === key);
  const named = (name: string): readonly LogRecord[] => events.filter(({ eventName }) => eventName === name);
  const orders = Map.groupBy(named("experiment.conversion"), variantOf);
  return sortedGroups(named("experiment.exposure"), variantOf).map(([variant, exposures]) => ({
    variant,
    exposed: new Set(exposures.map(({ attributes }) => attributes.get(`experiment.${key}.subject`))).size,
    orders: orders.get(variant)?.length ?? 0,
  }));
}

export function checkoutsOf({ spans }: Telemetry): readonly Checkouts[] {
  const sent = spans.filter(({ name, failed }) => name === "notification.send" && !failed);
  const mails = Map.groupBy(sent, variantOf);
  const processes = spans.filter(({ name }) => name === "checkout.process");
  return sortedGroups(processes, variantOf).map(([variant, group]) => ({
    variant,
    failures: new Map(
      sortedGroups(group.filter(isFailure), failureStepOf).map(([step, failures]) => [step, failures.length]),
    ),
    durationsMs: group.map(({ durationMs }) => durationMs),
    mails: mails.get(variant)?.length ?? 0,
  }));
}

export function servedOf({ spans }: Telemetry, services: readonly string[]): readonly Served[] {
  const server = Map.groupBy(
    spans.filter(({ kind }) => kind === "server"),
    ({ service }) => service,
  );
  return services.flatMap((service) =>
    sortedGroups(server.get(service) ?? [], variantOf).map(([variant, group]) => ({
      service,
      variant,
      spans: group.length,
      failed: group.filter(({ failed }) => failed).length,
      durationsMs: group.map(({ durationMs }) => durationMs),
    })),
  );
}

export function failureStepOf({ attributes }: Span): string {
  return String(attributes.get("checkout.failure_step") ?? "none");
}

function isFailure({ attributes }: Span): boolean {
  return attributes.get("checkout.status") !== "success";
}

/** Groups in the order of their names. */
function sortedGroups<T>(items: readonly T[], nameOf: (item: T) => string): readonly (readonly [string, T[]])[] {
  return [...Map.groupBy(items, nameOf)].toSorted(([a], [b]) => a.localeCompare(b));
}

/** The percentile by nearest rank, so it is a measured duration. NaN without a duration. */
export function percentile(durationsMs: readonly number[], share: number): number {
  const sorted = durationsMs.toSorted((a, b) => a - b);
  return sorted[Math.max(Math.ceil(share * sorted.length), 1) - 1] ?? Number.NaN;
}

/** How many shoppers there were in each variant, and how many of them got an order, as they saw it. */
export function seenOutcomes({ receipts }: Evidence, key: "checkout" | "shippingBanner"): readonly Outcome[] {
  const visitors = receipts.filter(({ visits }) => visits.length > 0);
  return sortedGroups(visitors, ({ visits }) => visits[0]?.[key] ?? "").map(([variant, group]) => ({
    variant,
    exposed: group.length,
    orders: group.filter(({ checkout }) => checkout !== undefined && "orderId" in checkout.outcome).length,
  }));
}
