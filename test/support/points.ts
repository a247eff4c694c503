import { type Attributes, metrics } from "@opentelemetry/api";
import {
  AggregationTemporality,
  type DataPoint,
  type Histogram,
  MeterProvider,
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
    const all = resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics);
    return new Map(all.map((metric) => [metric.descriptor.name, metric]));
  }

  /** The points of one instrument in one collection. */
  async points(name: string): Promise<readonly Point[]> {
    const metric = (await this.metrics()).get(name);
    return metric === undefined ? [] : pointsOf(metric);
  }

  /** The sums of an instrument, by the value of one attribute. */
  async sums(name: string, attribute: string): Promise<Readonly<Record<string, number>>> {
    const points = await this.points(name);
    return Object.fromEntries(points.map(({ attributes, value }) => [String(attributes[attribute]), value]));
  }

  /** The attributes of each point of an instrument. */
  async attributes(name: string): Promise<readonly Attributes[]> {
    return (await this.points(name)).map(({ attributes }) => attributes);
  }

  protected override async onShutdown(): Promise<void> {}

  protected override async onForceFlush(): Promise<void> {}
}

/** Makes the process measure anew, from zero: a reader of a provider that takes the global one's place. */
export function startPoints(): PointReader {
  const reader = new PointReader();
  metrics.disable();
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
  return reader;
}

/** The points of an instrument that is no exponential histogram. */
export function pointsOf({ dataPoints }: MetricData): readonly Point[] {
  return dataPoints.map(({ attributes, value }: DataPoint<unknown>) => {
    if (typeof value === "number") return { attributes, value, count: 1 };
    const { sum, count } = value as Histogram; // why: the only other kind of point in these suites
    return { attributes, value: sum ?? 0, count };
  });
}
