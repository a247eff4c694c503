import {
  type BatchObservableCallback,
  type Meter,
  type MeterProvider,
  metrics,
  type Observable,
  type ObservableCallback,
} from "@opentelemetry/api";
import { attempt } from "../checks/diagnostics.ts";
import type { MeterIdentity } from "./late-instrument.ts";

/**
 * The observable instruments of one meter. They have no call of their own by which they could notice that the global
 * MeterProvider came late, so they are asked to look: `refresh`.
 */
export class LateObservables {
  readonly #identity: MeterIdentity;
  readonly #observables = new Map<string, LateObservable>();
  #batches: readonly LateBatch[] = [];
  #provider: MeterProvider | undefined;
  #meter: Meter | undefined;

  constructor(identity: MeterIdentity) {
    this.#identity = identity;
  }

  /** Made once for each `id`. */
  create(id: string, make: (meter: Meter) => Observable): Observable {
    this.refresh();
    const existing = this.#observables.get(id);
    if (existing !== undefined) return existing;
    const observable = new LateObservable(make);
    this.#observables.set(id, observable);
    if (this.#meter !== undefined) observable.attach(this.#meter);
    return observable;
  }

  addBatch(callback: BatchObservableCallback, observables: readonly Observable[]): void {
    this.refresh();
    const batch = new LateBatch(callback, observables);
    this.#batches = [...this.#batches, batch];
    if (this.#meter !== undefined) batch.attach(this.#meter);
  }

  removeBatch(callback: BatchObservableCallback, observables: readonly Observable[]): void {
    const removed = this.#batches.find((batch) => batch.isOf(callback, observables));
    this.#batches = this.#batches.filter((batch) => batch !== removed);
    removed?.detach();
  }

  /** One comparison, unless the global MeterProvider is another one. */
  refresh(): void {
    const provider = metrics.getMeterProvider();
    if (provider === this.#provider) return;
    this.#provider = provider;
    this.#meter = this.#meterOf(provider);
    if (this.#meter === undefined) return;
    for (const observable of this.#observables.values()) observable.attach(this.#meter);
    for (const batch of this.#batches) batch.attach(this.#meter);
  }

  #meterOf(provider: MeterProvider): Meter | undefined {
    const { name, version, options } = this.#identity;
    return guarded(() => provider.getMeter(name, version, options));
  }
}

/** What the SDK refuses is said and passed over: an observation is not worth a request. */
function guarded<T>(act: () => T): T | undefined {
  return attempt("meter", "an observable instrument threw", act);
}

class LateObservable implements Observable {
  readonly #make: (meter: Meter) => Observable;
  readonly #callbacks = new Set<ObservableCallback>();
  #delegate: Observable | undefined;

  constructor(make: (meter: Meter) => Observable) {
    this.#make = make;
  }

  /** The SDK's own instrument, which a batch has to name. */
  get delegate(): Observable | undefined {
    return this.#delegate;
  }

  attach(meter: Meter): void {
    const previous = this.#delegate;
    guarded(() => {
      this.#delegate = undefined;
      for (const callback of this.#callbacks) previous?.removeCallback(callback);
    });
    guarded(() => {
      this.#delegate = this.#make(meter);
      for (const callback of this.#callbacks) this.#delegate.addCallback(callback);
    });
  }

  addCallback(callback: ObservableCallback): void {
    this.#callbacks.add(callback);
    guarded(() => this.#delegate?.addCallback(callback));
  }

  removeCallback(callback: ObservableCallback): void {
    this.#callbacks.delete(callback);
    guarded(() => this.#delegate?.removeCallback(callback));
  }
}

class LateBatch {
  readonly #callback: BatchObservableCallback;
  readonly #observables: readonly Observable[];
  #remove: (() => void) | undefined;

  constructor(callback: BatchObservableCallback, observables: readonly Observable[]) {
    this.#callback = callback;
    this.#observables = [...observables];
  }

  isOf(callback: BatchObservableCallback, observables: readonly Observable[]): boolean {
    return (
      callback === this.#callback &&
      observables.length === this.#observables.length &&
      observables.every((observable) => this.#observables.includes(observable))
    );
  }

  attach(meter: Meter): void {
    this.detach();
    const delegates = new Map<Observable, Observable>();
    for (const observable of this.#observables) {
      const delegate = observable instanceof LateObservable ? observable.delegate : observable;
      if (delegate !== undefined) delegates.set(observable, delegate);
    }
    const callback: BatchObservableCallback = (result) =>
      this.#callback({
        observe: (observable, value, attributes) =>
          result.observe(delegates.get(observable) ?? observable, value, attributes),
      });
    const attached = [...delegates.values()];
    guarded(() => {
      meter.addBatchObservableCallback(callback, attached);
      this.#remove = () => meter.removeBatchObservableCallback(callback, attached);
    });
  }

  detach(): void {
    const remove = this.#remove;
    this.#remove = undefined;
    if (remove !== undefined) guarded(remove);
  }
}
