import { type Attributes, metrics, SpanStatusCode } from "@opentelemetry/api";
import type { ReadableSpan, Sampler, SpanProcessor } from "@opentelemetry/sdk-trace";
import { createExperiments, type Experiments } from "otel-experiments";
import { REGISTRY } from "../../support/experiments.ts";
import { openRequest } from "../../support/opened-request.ts";
import type { PointReader } from "../../support/points.ts";
import { type Point, startPoints } from "../../support/points.ts";
import { startTracing, type Tracing } from "../../support/tracing.ts";

export const EXPRESS_MEMBERS = "experiment.checkout.variant=express,experiment.checkout.id=checkout_1";
export const EXPRESS: Attributes = { "experiment.id": "checkout_1", "experiment.variant": "express" };
export const NONE: Attributes = { "experiment.variant": "none" };

/** A process with a real SDK and one set of experiments. */
export interface Stage {
  readonly tracing: Tracing;
  readonly experiments: Experiments<typeof REGISTRY>;
  /** Runs a function in a request that came with the variant `express` of `checkout`. */
  serve<T>(fn: () => T): T;
  /** The ended spans of this name. */
  spans(name: string): readonly ReadableSpan[];
  /** The only one. */
  span(name: string): ReadableSpan;
  points(instrument: string): Promise<readonly Point[]>;
  /** Forgets what was measured and traced. @throws where something was written to a span after its end */
  clear(): void;
  stop(): Promise<void>;
}

/** OpenTelemetry's globals belong to the process, so a test file has one stage. */
export function startStage(sampler?: Sampler, processors?: readonly SpanProcessor[]): Stage {
  const tracing = startTracing([], sampler, processors);
  const experiments = createExperiments({ experiments: REGISTRY, trustInbound: true, primary: "checkout" });
  let reader = measure();
  const spans = (name: string): readonly ReadableSpan[] => tracing.spans().filter((span) => span.name === name);
  return {
    tracing,
    experiments,
    serve: (fn) => openRequest(experiments, { header: EXPRESS_MEMBERS }).run(fn),
    spans,
    span(name) {
      const [only, ...others] = spans(name);
      if (only === undefined || others.length > 0) throw new Error(`${others.length + 1} spans, or none, are ${name}`);
      return only;
    },
    points: (instrument) => reader.points(instrument),
    clear() {
      const late = tracing.lateWrites().join(", ");
      tracing.clear();
      if (late !== "") throw new Error(`a span had ended before these were written to it: ${late}`);
      reader = measure();
    },
    async stop() {
      await experiments.close();
      await tracing.stop();
      metrics.disable();
    },
  };
}

function measure(): PointReader {
  const reader = startPoints();
  return reader;
}

export function isError({ status }: ReadableSpan): boolean {
  return status.code === SpanStatusCode.ERROR;
}

/** What was recorded as exceptions, by the names of the spans that have them. */
export function exceptionsIn(spans: readonly ReadableSpan[]): readonly (readonly [span: string, message: unknown])[] {
  return spans.flatMap(({ name, events }) =>
    events
      .filter((event) => event.name === "exception")
      .map(({ attributes }) => [name, attributes?.["exception.message"]] as const),
  );
}

/** Each series of an instrument with how often it was measured. */
export function countsOf(points: readonly Point[]): readonly (readonly [Attributes, number])[] {
  return points.map(({ attributes, count }) => [attributes, count]);
}

/** Other turns of the event loop, in which whatever is ready happens. */
export async function turns(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}
