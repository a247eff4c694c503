import { metrics } from "@opentelemetry/api";
import { DataPointType, MeterProvider, MetricReader } from "@opentelemetry/sdk-metrics";

/** The measurements of this process from now on. */
export interface Measuring {
  /** The sums of a counter, by the value of one attribute. */
  sums(counter: string, attribute: string): Promise<Readonly<Record<string, number>>>;
  /** All attributes of a counter's points. */
  attributes(counter: string): Promise<readonly object[]>;
  stop(): Promise<void>;
}

class AskedReader extends MetricReader {
  protected async onForceFlush(): Promise<void> {}

  protected async onShutdown(): Promise<void> {}
}

/** Replaces the global MeterProvider, so that each test counts from zero. */
export function startMeasuring(): Measuring {
  const reader = new AskedReader();
  const provider = new MeterProvider({ readers: [reader] });
  metrics.disable();
  metrics.setGlobalMeterProvider(provider);

  async function pointsOf(counter: string) {
    const { resourceMetrics } = await reader.collect();
    const all = resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics);
    const found = all.find(({ descriptor }) => descriptor.name === counter);
    return found?.dataPointType === DataPointType.SUM ? found.dataPoints : [];
  }

  return {
    async sums(counter, attribute) {
      const points = await pointsOf(counter);
      return Object.fromEntries(points.map(({ attributes, value }) => [String(attributes[attribute]), value]));
    },
    async attributes(counter) {
      return (await pointsOf(counter)).map(({ attributes }) => attributes);
    },
    async stop() {
      metrics.disable();
      await provider.shutdown();
    },
  };
}
