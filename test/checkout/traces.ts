import { vi } from "vitest";
import type { System } from "../../examples/checkout/system/system.ts";
import type { Span } from "../../examples/checkout/system/telemetry/telemetry.ts";

/** Exports come twice a second; on a busy machine much later. */
export const SOON = { timeout: 20_000, interval: 50 };

/** A trace of which every span has arrived. */
export class Trace {
  readonly spans: readonly Span[];

  private constructor(spans: readonly Span[]) {
    this.spans = spans;
  }

  /** Waits for the spans of these names, and for the parents of all spans but the browser's. */
  static of(system: System, traceId: string, ...names: readonly string[]): Promise<Trace> {
    return Trace.without("no service", system, traceId, ...names);
  }

  /** The same, where a service's process was killed: of its spans some never arrive. */
  static without(killed: string, { receiver }: System, traceId: string, ...names: readonly string[]): Promise<Trace> {
    return vi.waitFor(() => {
      const spans = receiver.telemetry.spans.filter((span) => span.traceId === traceId);
      const ids = new Set(spans.map(({ spanId }) => spanId));
      const orphans = spans.filter(({ service, parentSpanId }) => !ids.has(parentSpanId) && service !== killed);
      const missing = ["POST /api/checkout", ...names].filter((name) => !spans.some((span) => span.name === name));
      if (missing.length > 0) throw new Error(`missing in the trace: ${missing.join(", ")}`);
      if (orphans.length !== 1)
        throw new Error(`spans without a parent: ${orphans.map(({ name }) => name).join(", ")}`);
      return new Trace(spans);
    }, SOON);
  }

  /** The only span of a name. */
  one(name: string): Span {
    const [span, ...others] = this.all(name);
    if (span === undefined || others.length > 0) throw new Error(`${others.length + 1} spans are called ${name}`);
    return span;
  }

  all(name: string): readonly Span[] {
    return this.spans.filter((span) => span.name === name).sort((a, b) => a.startMs - b.startMs);
  }
}

/** Waits for the span in which an order's mail was sent, or could not be. */
export function notificationOf({ receiver }: System, orderId: unknown): Promise<Span> {
  return vi.waitFor(() => {
    const isSought = ({ name, attributes }: Span) =>
      name === "notification.send" && attributes.get("order.id") === orderId;
    const span = receiver.telemetry.spans.find(isSought);
    if (span === undefined) throw new Error("the notification's span is missing");
    return span;
  }, SOON);
}

/** Some attributes, for a comparison. */
export function some(attributes: Span["attributes"], ...names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(names.map((name) => [name, attributes.get(name)]));
}

/** The SDK starts spans at whole milliseconds, so one that came before another may seem to end after its start. */
const CLOCK_MS = 2;

/**
 * How long each span is on the critical path of another one: the chain of spans without which that one would have ended
 * earlier. It is followed from the end: before a moment, the span that ended last was waited for.
 */
export function criticalPath(root: Span, spans: readonly Span[]): ReadonlyMap<Span, number> {
  const children = Map.groupBy(spans, ({ parentSpanId }) => parentSpanId);
  const onPath = new Map<Span, number>();
  function follow(span: Span, until: number): void {
    let moment = until;
    let own = 0;
    const inside = [...(children.get(span.spanId) ?? [])].sort((a, b) => endOf(b) - endOf(a));
    for (const child of inside) {
      // A client's span may also end after the code that has waited for its answer.
      if (Math.min(endOf(child), until) > moment + CLOCK_MS) continue;
      const end = Math.min(endOf(child), moment);
      if (child.startMs >= end) continue;
      own += moment - end;
      follow(child, end);
      moment = Math.max(child.startMs, span.startMs);
    }
    onPath.set(span, own + Math.max(0, moment - span.startMs));
  }
  follow(root, endOf(root));
  return onPath;
}

function endOf({ startMs, durationMs }: Span): number {
  return startMs + durationMs;
}
