import type { Context, TextMapGetter, TextMapPropagator, TextMapSetter } from "@opentelemetry/api";
import { attempt } from "../../../src/sdk-adapter.ts";

export function isPropagator(candidate: object): candidate is TextMapPropagator {
  return "inject" in candidate && "extract" in candidate && "fields" in candidate;
}

/** True if a registered propagator passes baggage on. The user decides that with OTEL_PROPAGATORS. */
export function carriesBaggage(propagator: TextMapPropagator): boolean {
  return propagator.fields().some(isBaggage);
}

/**
 * Wraps a registered propagator. This one reads and writes `baggage`, so it is written once. The registered one does
 * everything else.
 */
export class DecoratedPropagator implements TextMapPropagator {
  readonly #registered: TextMapPropagator;
  readonly #baggage: TextMapPropagator;

  constructor(registered: TextMapPropagator, baggage: TextMapPropagator) {
    this.#registered = registered;
    this.#baggage = baggage;
  }

  inject(active: Context, carrier: unknown, setter: TextMapSetter): void {
    // OpenTelemetry's propagator throws if it cannot encode a value, even though its `baggage` is not used.
    attempt("register", "OpenTelemetry's propagator could not fill a carrier", () =>
      this.#registered.inject(active, carrier, {
        set(target, name, value) {
          if (!isBaggage(name)) setter.set(target, name, value);
        },
      }),
    );
    this.#baggage.inject(active, carrier, setter);
  }

  extract(active: Context, carrier: unknown, getter: TextMapGetter): Context {
    const extracted = attempt("register", "OpenTelemetry's propagator could not read a carrier", () =>
      this.#registered.extract(active, carrier, {
        get: (source, name) => (isBaggage(name) ? undefined : getter.get(source, name)),
        keys: (source) => getter.keys(source).filter((name) => !isBaggage(name)),
      }),
    );
    return this.#baggage.extract(extracted ?? active, carrier, getter);
  }

  fields(): string[] {
    return [...new Set([...this.#registered.fields(), ...this.#baggage.fields()])];
  }
}

function isBaggage(name: string): boolean {
  return name.toLowerCase() === "baggage";
}
