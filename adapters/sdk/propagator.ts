import type { Context, TextMapGetter, TextMapPropagator, TextMapSetter } from "@opentelemetry/api";
import {
  askPredicate,
  checkOptions,
  describeValue,
  ExperimentConfigError,
  extractCarrier,
  injectCarrier,
} from "../../src/sdk-adapter.ts";

/** Options of the propagator. */
export interface ExperimentPropagatorOptions {
  /**
   * Whether own members go into carriers: `true` (default), `false`, or a synchronous predicate over the carrier. A
   * propagator does not know a carrier's destination. HTTP requests of fetch, undici and node:http lose own members in
   * any case if `propagateTo` does not name their destination.
   */
  readonly inject?: boolean | ((carrier: unknown) => boolean);
}

/**
 * A TextMapPropagator for SDK 2.x and 3.x. It replaces `W3CBaggagePropagator`, for carriers that OpenTelemetry's
 * instrumentations fill and read: gRPC, AMQP, Kafka. Incoming variants are trusted as `trustInbound` says; they are the
 * scope of the code that runs in the extracted context. Outgoing carriers get the own members of the current scope.
 * Foreign members pass unchanged. Nothing here throws after set-up.
 *
 * @example new CompositePropagator({ propagators: [new W3CTraceContextPropagator(), new ExperimentPropagator()] })
 */
export class ExperimentPropagator implements TextMapPropagator {
  readonly #passes: (carrier: unknown) => boolean;

  /** @throws ExperimentConfigError */
  constructor(options: ExperimentPropagatorOptions = {}) {
    const { inject = true } = checkOptions("ExperimentPropagator", options, ["inject"]);
    if (typeof inject === "boolean") this.#passes = () => inject;
    else if (typeof inject === "function") {
      this.#passes = (carrier) =>
        askPredicate("inject", "destination-predicate", () => Reflect.apply(inject, undefined, [carrier]));
    } else {
      throw new ExperimentConfigError(
        "ERR_OPTION_VALUE",
        `inject is ${describeValue(inject)}; write true, false or (carrier) => boolean`,
      );
    }
  }

  inject(active: Context, carrier: unknown, setter: TextMapSetter): void {
    injectCarrier(active, carrier, setter, () => this.#passes(carrier));
  }

  extract(active: Context, carrier: unknown, getter: TextMapGetter): Context {
    return extractCarrier(active, carrier, getter);
  }

  fields(): string[] {
    return ["baggage"];
  }
}
