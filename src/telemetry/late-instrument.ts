import { type Meter, type MeterOptions, type MeterProvider, metrics } from "@opentelemetry/api";
import { attempt } from "../checks/diagnostics.ts";

/** The arguments of `getMeter`. */
export interface MeterIdentity {
  readonly name: string;
  readonly version: string | undefined;
  readonly options: MeterOptions | undefined;
}

/**
 * An instrument that is made on first use, and again when the global MeterProvider changes. OpenTelemetry has no proxy
 * meter, so an instrument that is made before the SDK starts never measures anything.
 */
export class LateInstrument<T> {
  readonly #meter: MeterIdentity;
  readonly #create: (meter: Meter) => T;
  #provider: MeterProvider | undefined;
  #instrument: T | undefined;

  constructor(meter: MeterIdentity, create: (meter: Meter) => T) {
    this.#meter = meter;
    this.#create = create;
  }

  /** Undefined if the MeterProvider throws. */
  get(): T | undefined {
    const provider = metrics.getMeterProvider();
    if (provider !== this.#provider) {
      this.#provider = provider;
      this.#instrument = this.#make(provider);
    }
    return this.#instrument;
  }

  #make(provider: MeterProvider): T | undefined {
    const { name, version, options } = this.#meter;
    return attempt("meter", `the meter ${name} could not be made`, () =>
      this.#create(provider.getMeter(name, version, options)),
    );
  }
}
