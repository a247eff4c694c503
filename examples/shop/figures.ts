import type { ServerSpan } from "./otlp.ts";

/** The figures of one variant's requests to one service. */
export interface Row {
  readonly variant: string;
  readonly service: string;
  readonly requests: number;
  readonly errors: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
}

/** Shown for a span that has no variant. */
export const NO_VARIANT = "(none)";

export function variantOf({ attributes }: Pick<ServerSpan, "attributes">): string {
  return String(attributes.get("experiment.variant") ?? NO_VARIANT);
}

/** One row per variant and service, in the order of the services. */
export function rowsOf(
  spans: readonly ServerSpan[],
  variants: readonly string[],
  services: readonly string[],
): readonly Row[] {
  const rows: Row[] = [];
  const seen = new Set([...variants, ...spans.map(variantOf)]);
  for (const variant of seen) {
    for (const service of services) {
      const group = spans.filter((span) => span.service === service && variantOf(span) === variant);
      if (group.length > 0) rows.push(rowOf(variant, service, group));
    }
  }
  return rows;
}

function rowOf(variant: string, service: string, spans: readonly ServerSpan[]): Row {
  const durations = spans.map(({ durationMs }) => durationMs).sort((a, b) => a - b);
  return {
    variant,
    service,
    requests: spans.length,
    errors: spans.filter(({ failed }) => failed).length,
    p50Ms: percentile(durations, 0.5),
    p95Ms: percentile(durations, 0.95),
  };
}

/** The percentile by nearest rank, so it is a measured duration. `sorted` must not be empty. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(Math.ceil(share * sorted.length), 1) - 1] ?? Number.NaN;
}
