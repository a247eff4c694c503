import type { Attributes } from "@opentelemetry/api";
import {
  AggregationTemporality,
  type DataPoint,
  type Histogram,
  type MetricData,
  MetricReader,
} from "@opentelemetry/sdk-metrics";

/** One series of an instrument, as a collection gives it. */
export interface Point {
  readonly attributes: Attributes;
  /** The sum, or the last value. */
  readonly value: number;
  /** How often a histogram recorded; 1 for the other instruments. */
  readonly count: number;
}

/** Collects on demand. */
export class PointReader extends MetricReader {
  constructor(temporality: AggregationTemporality = AggregationTemporality.CUMULATIVE) {
    super({ aggregationTemporalitySelector: () => temporality });
  }

  /** All instruments of one collection, each by its name and with its points. */
  async metrics(): Promise<ReadonlyMap<string, MetricData>> {
    const { resourceMetrics } = await this.collect();
    const metrics = resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics);
    return new Map(metrics.map((metric) => [metric.descriptor.name, metric]));
  }

  /** The points of one instrument, of one collection. */
  async points(name: string): Promise<readonly Point[]> {
    const metric = (await this.metrics()).get(name);
    return metric === undefined ? [] : pointsOf(metric);
  }

  protected override async onShutdown(): Promise<void> {}

  protected override async onForceFlush(): Promise<void> {}
}

/** The points of an instrument that is no exponential histogram. */
export function pointsOf({ dataPoints }: MetricData): readonly Point[] {
  return dataPoints.map(({ attributes, value }: DataPoint<unknown>) => {
    if (typeof value === "number") return { attributes, value, count: 1 };
    const { sum, count } = value as Histogram; // why: the only other kind of point in these suites
    return { attributes, value: sum ?? 0, count };
  });
}
