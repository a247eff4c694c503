import type { Attributes } from "@opentelemetry/api";
import {
  AggregationTemporality,
  type DataPoint,
  type Histogram,
  type MetricData,
  MetricReader,
} from "@opentelemetry/sdk-metrics";

/** One series of an instrument in one collection. */
export interface Point {
  readonly attributes: Attributes;
  /** The sum, or the last value. */
  readonly value: number;
  /** The number of a histogram's recordings; 1 for other instruments. */
  readonly count: number;
}

/** A reader that collects on demand. */
export class PointReader extends MetricReader {
  constructor(temporality: AggregationTemporality = AggregationTemporality.CUMULATIVE) {
    super({ aggregationTemporalitySelector: () => temporality });
  }

  /** All instruments of one collection: their points, by name. */
  async metrics(): Promise<ReadonlyMap<string, MetricData>> {
    const { resourceMetrics } = await this.collect();
    const metrics = resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics);
    return new Map(metrics.map((metric) => [metric.descriptor.name, metric]));
  }

  /** The points of one instrument in one collection. */
  async points(name: string): Promise<readonly Point[]> {
    const metric = (await this.metrics()).get(name);
    return metric === undefined ? [] : pointsOf(metric);
  }

  protected override async onShutdown(): Promise<void> {}

  protected override async onForceFlush(): Promise<void> {}
}

/** The points of an instrument. Exponential histograms are not supported. */
export function pointsOf({ dataPoints }: MetricData): readonly Point[] {
  return dataPoints.map(({ attributes, value }: DataPoint<unknown>) => {
    if (typeof value === "number") return { attributes, value, count: 1 };
    const { sum, count } = value as Histogram; // why: the only other kind of point in these suites
    return { attributes, value: sum ?? 0, count };
  });
}
