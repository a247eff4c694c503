import type { Counter, Gauge, Histogram, Meter, MeterProvider, UpDownCounter } from "@opentelemetry/api";
import { checkOptions } from "../../src/sdk-adapter.ts";
import { instrumentNames, METERS_LEFT_ALONE, SERVER_DURATION } from "./instruments.ts";
import { attributesWithPair } from "./measurement.ts";
import { overriding } from "./overriding.ts";

/** Options of `withExperiments` for a MeterProvider. */
export interface MeterProviderOptions {
  /** More instruments that get the pair, by their whole names, such as `["orders.placed"]`. */
  readonly instruments?: readonly string[];
}

/** A MeterProvider that adds the pair itself, so no View is needed. Everything else is the given provider's. */
export function providerWithExperiments<P extends MeterProvider>(provider: P, options: MeterProviderOptions): P {
  const { instruments } = checkOptions("withExperiments", options, ["instruments"]);
  const names = new Set([SERVER_DURATION, ...instrumentNames(instruments)]);
  const meters = new WeakMap<Meter, Meter>();
  const getMeter: MeterProvider["getMeter"] = (name, version, meterOptions) => {
    const meter = provider.getMeter(name, version, meterOptions);
    if (METERS_LEFT_ALONE.has(name)) return meter;
    const known = meters.get(meter);
    if (known !== undefined) return known;
    const made = overriding(meter, creators(meter, names));
    meters.set(meter, made);
    return made;
  };
  return overriding<MeterProvider>(provider, { getMeter }) as P; // why: all other members are the provider's
}

/** The creators of synchronous instruments. An instrument with one of the given names gets the pair. */
function creators(meter: Meter, names: ReadonlySet<string>): Partial<Meter> {
  return {
    createCounter(name, options) {
      const counter = meter.createCounter(name, options);
      return names.has(name) ? adding(counter) : counter;
    },
    createUpDownCounter(name, options) {
      const counter = meter.createUpDownCounter(name, options);
      return names.has(name) ? adding(counter) : counter;
    },
    createHistogram(name, options) {
      const histogram = meter.createHistogram(name, options);
      return names.has(name) ? recording(histogram) : histogram;
    },
    createGauge(name, options) {
      const gauge = meter.createGauge(name, options);
      return names.has(name) ? recording(gauge) : gauge;
    },
  };
}

function adding<I extends Counter | UpDownCounter>(instrument: I): I {
  const add: Counter["add"] = (value, attributes, active) =>
    instrument.add(value, attributesWithPair(attributes, active), active);
  return overriding<Counter>(instrument, { add }) as I; // why: all other members are the instrument's
}

function recording<I extends Histogram | Gauge>(instrument: I): I {
  const record: Histogram["record"] = (value, attributes, active) =>
    instrument.record(value, attributesWithPair(attributes, active), active);
  return overriding<Histogram>(instrument, { record }) as I; // why: all other members are the instrument's
}
