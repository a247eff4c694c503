import { type MeterProvider as ApiMeterProvider, type Attributes, metrics } from "@opentelemetry/api";
import {
  AggregationTemporality,
  type IMetricReader,
  MeterProvider,
  type ViewOptions,
} from "@opentelemetry/sdk-metrics";
import { experimentViews, withExperiments } from "otel-experiments/sdk";
import { type Point, PointReader } from "../support/points.ts";

/** One of the ways to have the pair on measurements that are not ours. */
export interface Means {
  readonly name: string;
  provider(readers: IMetricReader[], instruments: readonly string[]): MeterProvider;
}

export const MEANS: readonly Means[] = [
  {
    name: "experimentViews",
    provider: (readers, instruments) =>
      new MeterProvider({ readers, views: experimentViews(instruments.length > 0 ? { instruments } : {}) }),
  },
  {
    name: "withExperiments(view)",
    provider: (readers, instruments) => {
      const views: ViewOptions[] = ["http.server.request.duration", ...instruments].map((instrumentName) =>
        withExperiments({ instrumentName }),
      );
      return new MeterProvider({ readers, views });
    },
  },
  {
    name: "withExperiments(meterProvider)",
    provider: (readers, instruments) =>
      withExperiments(new MeterProvider({ readers }), instruments.length > 0 ? { instruments } : {}),
  },
];

/** The measurements of a provider, with either temporality. */
export interface Measured {
  readonly provider: MeterProvider;
  readonly delta: PointReader;
  /** Since the beginning. */
  points(instrument: string): Promise<readonly Point[]>;
  /** How often each pair was measured, as `id variant`, since the beginning. */
  counts(instrument: string): Promise<Readonly<Record<string, number>>>;
}

export function measured(means: Means, instruments: readonly string[] = []): Measured {
  const cumulative = new PointReader();
  const delta = new PointReader(AggregationTemporality.DELTA);
  const points = (instrument: string): Promise<readonly Point[]> => cumulative.points(instrument);
  return {
    provider: means.provider([cumulative, delta], instruments),
    delta,
    points,
    counts: async (instrument) => countsOf(await points(instrument)),
  };
}

/** Histograms by how often they recorded, counters by their sum. */
export function countsOf(points: readonly Point[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { attributes, value, count } of points) {
    const pair = pairOf(attributes);
    counts[pair] = (counts[pair] ?? 0) + (count === 1 ? value : count);
  }
  return counts;
}

export function pairOf(attributes: Attributes): string {
  const { "experiment.id": id = "-", "experiment.variant": variant = "-" } = attributes;
  return `${String(id)} ${String(variant)}`;
}

/** Puts a provider in the process's place for one. */
export function setGlobal(provider: ApiMeterProvider): void {
  metrics.disable();
  metrics.setGlobalMeterProvider(provider);
}
