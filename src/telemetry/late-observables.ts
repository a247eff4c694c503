import {
  type BatchObservableCallback,
  type Meter,
  type MeterProvider,
  metrics,
  type Observable,
  type ObservableCallback,
} from "@opentelemetry/api";
import { advise } from "./diagnostics.ts";
import type { MeterIdentity } from "./late-instrument.ts";

interface Batch {
  readonly callback: BatchObservableCallback;
  readonly observables: readonly Observable[];
  /** What was given to the meter, so that it can be taken back. */
  attached: (() => void) | undefined;
}

/**
 * The observable instruments of one meter. They have no call of their own by which they could notice that the global
 * MeterProvider came late, so they are asked to look: `refresh`.
 */
export class LateObservables {
  readonly #identity: MeterIdentity;
  readonly #all: LateObservable[] = [];
  readonly #batches: Batch[] = [];
  #provider: MeterProvider | undefined;
  #meter: Meter | undefined;

  constructor(identity: MeterIdentity) {
    this.#identity = identity;
  }

  create(make: (meter: Meter) => Observable): Observable {
    const observable = new LateObservable(make);
    this.#all.push(observable);
    this.refresh();
    const meter = this.#meter;
    if (meter !== undefined) this.#guarded(() => observable.attach(meter));
    return observable;
  }

  addBatch(callback: BatchObservableCallback, observables: readonly Observable[]): void {
    const batch: Batch = { callback, observables: [...observables], attached: undefined };
    this.#batches.push(batch);
    this.refresh();
    const meter = this.#meter;
    if (meter !== undefined && batch.attached === undefined) this.#guarded(() => attachBatch(meter, batch));
  }

  removeBatch(callback: BatchObservableCallback, observables: readonly Observable[]): void {
    const at = this.#batches.findIndex(
      (batch) =>
        batch.callback === callback &&
        batch.observables.length === observables.length &&
        observables.every((observable) => batch.observables.includes(observable)),
    );
    const [batch] = at === -1 ? [] : this.#batches.splice(at, 1);
    batch?.attached?.();
  }

  refresh(): void {
    const provider = metrics.getMeterProvider();
    if (provider === this.#provider || this.#all.length === 0) return;
    this.#provider = provider;
    const { name, version, options } = this.#identity;
    this.#meter = undefined;
    this.#guarded(() => {
      const meter = provider.getMeter(name, version, options);
      this.#meter = meter;
      for (const observable of this.#all) observable.attach(meter);
      for (const batch of this.#batches) attachBatch(meter, batch);
    });
  }

  #guarded(attach: () => void): void {
    try {
      attach();
    } catch (error) {
      advise("meter", `the observable instruments of ${this.#identity.name} could not be made`, error);
    }
  }
}

function attachBatch(meter: Meter, batch: Batch): void {
  batch.attached?.();
  const delegates = new Map<Observable, Observable>();
  for (const observable of batch.observables) {
    const delegate = observable instanceof LateObservable ? observable.delegate : observable;
    if (delegate !== undefined) delegates.set(observable, delegate);
  }
  const callback: BatchObservableCallback = (result) =>
    batch.callback({
      observe: (observable, value, attributes) =>
        result.observe(delegates.get(observable) ?? observable, value, attributes),
    });
  const attached = [...delegates.values()];
  meter.addBatchObservableCallback(callback, attached);
  batch.attached = () => meter.removeBatchObservableCallback(callback, attached);
}

class LateObservable implements Observable {
  readonly #make: (meter: Meter) => Observable;
  readonly #callbacks = new Set<ObservableCallback>();
  #meter: Meter | undefined;
  delegate: Observable | undefined;

  constructor(make: (meter: Meter) => Observable) {
    this.#make = make;
  }

  attach(meter: Meter): void {
    if (meter === this.#meter) return;
    for (const callback of this.#callbacks) this.delegate?.removeCallback(callback);
    this.#meter = meter;
    this.delegate = this.#make(meter);
    for (const callback of this.#callbacks) this.delegate.addCallback(callback);
  }

  addCallback(callback: ObservableCallback): void {
    this.#callbacks.add(callback);
    this.delegate?.addCallback(callback);
  }

  removeCallback(callback: ObservableCallback): void {
    this.#callbacks.delete(callback);
    this.delegate?.removeCallback(callback);
  }
}
