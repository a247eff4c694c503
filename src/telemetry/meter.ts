import {
  type Attributes,
  type BatchObservableCallback,
  type Context,
  type Counter,
  createNoopMeter,
  type Gauge,
  type Histogram,
  type Meter,
  type MetricOptions,
  metrics,
  type Observable,
  type UpDownCounter,
} from "@opentelemetry/api";
import { type CompiledAssignment, NO_ASSIGNMENT_PAIR, namesExperiment } from "../assignment/assignment.ts";
import { attempt, warnOnce } from "../checks/diagnostics.ts";
import { LateInstrument, type MeterIdentity } from "./late-instrument.ts";

/**
 * The experiments that a measurement shows. `"primary"`: one point with the scope's flat pair. `"each"`: one point for
 * each unforced assignment, so a sum over all points counts such a measurement several times.
 */
export type Attribution = "primary" | "each";

/** The scope of a measurement, as far as a meter needs it. */
interface MeasuredScope {
  /** The bounded flat pair. */
  readonly attributes: Attributes;
  readonly compiled: readonly CompiledAssignment[];
  /** The fields with values. */
  readonly knownFields: { attributes(signal: "metric"): Attributes | undefined } | undefined;
}

/** @param active the given context; undefined for the active one */
export type ScopeFinder = (active: Context | undefined) => MeasuredScope | undefined;

type Measure = (value: number, attributes?: Attributes, active?: Context) => void;

/**
 * A meter whose synchronous instruments add the scope's flat pair to the given attributes. Such an instrument is made
 * once for each kind, name, unit, description and value type, so a handler can ask for it cheaply. Measuring never throws.
 *
 * An observable instrument is observed outside any request, so it gets no pair: it is made directly on the global
 * MeterProvider's meter. If it is made before the SDK starts, it measures nothing.
 */
export class AttributedMeter implements Meter {
  readonly #identity: MeterIdentity;
  readonly #attribution: Attribution;
  readonly #scopeOf: ScopeFinder;
  readonly #instruments = new Map<string, Measure>();

  constructor(identity: MeterIdentity, attribution: Attribution, scopeOf: ScopeFinder) {
    this.#identity = identity;
    this.#attribution = attribution;
    this.#scopeOf = scopeOf;
  }

  createCounter(name: string, options?: MetricOptions): Counter {
    return { add: this.#instrument("counter", name, options, (meter) => adder(meter.createCounter(name, options))) };
  }

  createUpDownCounter(name: string, options?: MetricOptions): UpDownCounter {
    const create = (meter: Meter): Measure => adder(meter.createUpDownCounter(name, options));
    return { add: this.#instrument("updowncounter", name, options, create) };
  }

  createHistogram(name: string, options?: MetricOptions): Histogram {
    const create = (meter: Meter): Measure => recorder(meter.createHistogram(name, options));
    return { record: this.#instrument("histogram", name, options, create) };
  }

  createGauge(name: string, options?: MetricOptions): Gauge {
    return { record: this.#instrument("gauge", name, options, (meter) => recorder(meter.createGauge(name, options))) };
  }

  createObservableGauge(name: string, options?: MetricOptions): Observable {
    return this.#observable((meter) => meter.createObservableGauge(name, options));
  }

  createObservableCounter(name: string, options?: MetricOptions): Observable {
    return this.#observable((meter) => meter.createObservableCounter(name, options));
  }

  createObservableUpDownCounter(name: string, options?: MetricOptions): Observable {
    return this.#observable((meter) => meter.createObservableUpDownCounter(name, options));
  }

  addBatchObservableCallback(callback: BatchObservableCallback, observables: Observable[]): void {
    this.#direct((meter) => meter.addBatchObservableCallback(callback, observables));
  }

  removeBatchObservableCallback(callback: BatchObservableCallback, observables: Observable[]): void {
    this.#direct((meter) => meter.removeBatchObservableCallback(callback, observables));
  }

  /** The provider's own instrument; if the provider throws, one that measures nothing. */
  #observable(create: (meter: Meter) => Observable): Observable {
    return this.#direct(create) ?? create(createNoopMeter());
  }

  #direct<T>(act: (meter: Meter) => T): T | undefined {
    const { name, version, options } = this.#identity;
    return attempt("meter", `an observable instrument of the meter ${name} threw`, () =>
      act(metrics.getMeterProvider().getMeter(name, version, options)),
    );
  }

  #instrument(
    kind: string,
    name: string,
    options: MetricOptions | undefined,
    create: (meter: Meter) => Measure,
  ): Measure {
    const id = idOf(kind, name, options);
    const existing = this.#instruments.get(id);
    if (existing !== undefined) return existing;
    const late = new LateInstrument(this.#identity, create);
    const attribute = this.#attribution === "each" ? measureEach : measurePrimary;
    const measure: Measure = (value, attributes, active) => {
      try {
        const instrument = late.get();
        if (instrument !== undefined) attribute(instrument, this.#scopeOf(active), value, attributes, active);
      } catch (error) {
        warnOnce("meter", `the instrument ${name} threw`, error);
      }
    };
    this.#instruments.set(id, measure);
    return measure;
  }
}

/** To OpenTelemetry, instruments that differ in any of these are different instruments. */
function idOf(kind: string, name: string, options: MetricOptions | undefined): string {
  return JSON.stringify([kind, name, options?.unit, options?.description, options?.valueType]);
}

function adder(counter: Counter | UpDownCounter): Measure {
  return (value, attributes, active) => counter.add(value, attributes, active);
}

function recorder(instrument: Histogram | Gauge): Measure {
  return (value, attributes, active) => instrument.record(value, attributes, active);
}

type MeasureScope = (
  measure: Measure,
  scope: MeasuredScope | undefined,
  value: number,
  attributes: Attributes | undefined,
  active: Context | undefined,
) => void;

const measurePrimary: MeasureScope = (measure, scope, value, attributes, active) => {
  const given = withFields(attributes, scope);
  measure(value, withPair(given, scope === undefined ? NO_ASSIGNMENT_PAIR : scope.attributes), active);
};

const measureEach: MeasureScope = (measure, scope, value, attributes, active) => {
  const counted = scope === undefined ? [] : scope.compiled.filter(({ forced }) => !forced);
  const given = withFields(attributes, scope);
  if (counted.length === 0 || namesExperiment(attributes)) {
    measure(value, withPair(given, NO_ASSIGNMENT_PAIR), active);
    return;
  }
  for (const { metricPair } of counted) measure(value, withPair(given, metricPair), active);
};

/** Adds the scope's fields for metrics to the given attributes. A given attribute is never replaced. */
function withFields(attributes: Attributes | undefined, scope: MeasuredScope | undefined): Attributes | undefined {
  const fields = scope?.knownFields?.attributes("metric");
  if (fields === undefined) return attributes;
  return attributes === undefined ? fields : { ...fields, ...attributes };
}

/** Adds a flat pair to the given attributes, unless they name an experiment. */
export function withPair(attributes: Attributes | undefined, pair: Attributes): Attributes {
  if (attributes === undefined) return pair;
  return namesExperiment(attributes) ? attributes : { ...attributes, ...pair };
}
