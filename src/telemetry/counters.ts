import { type Attributes, type Counter, type Histogram, type Meter, ROOT_CONTEXT } from "@opentelemetry/api";
import type { CompiledAssignment } from "../assignment/assignment.ts";
import type { EvaluationReason } from "../assignment/reason.ts";
import { attempt } from "../checks/diagnostics.ts";
import { SCOPE_NAME, VERSION } from "../version.ts";
import { LateInstrument, type MeterIdentity } from "./late-instrument.ts";

/**
 * The reason why own members do not count. `untrusted`: the caller may not send them. `encoded_key`: the key is an own
 * one only to a reader that decodes or trims it. `malformed`: key, value or field breaks the rules or the declaration. `duplicate`: a
 * field that was read already. `sensitive`: a field's value looks like a secret or personal data. `orphan`: an id or a
 * mark without a variant. `unknown`: not in the registry, if the option `unknown` is `"drop"`. `over_limit`: no room.
 * `id_mismatch`: kept, but of another run than the declared one.
 */
export type RejectionReason =
  | "untrusted"
  | "encoded_key"
  | "malformed"
  | "duplicate"
  | "sensitive"
  | "orphan"
  | "unknown"
  | "over_limit"
  | "id_mismatch";

/**
 * The reason why an override does not count: its token is `malformed`, `tampered` with, `expired`, for another
 * `audience`, or lives too long (`lifetime`). `unknown`: it names an experiment or a variant that is not declared.
 * `inside`: its caller is trusted, so it must send forced variants in the baggage.
 */
export type OverrideRejectionReason =
  | "malformed"
  | "tampered"
  | "expired"
  | "audience"
  | "lifetime"
  | "unknown"
  | "inside";

const METER: MeterIdentity = { name: SCOPE_NAME, version: VERSION, options: undefined };

/** Mostly amounts of money in an unknown currency: steps of 1, 2 and 5. */
const VALUE_BOUNDARIES = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000];

/** The package's own instruments. No method throws. */
export class ExperimentCounters {
  readonly #assignments: LateInstrument<Counter> = counter("experiment.assignments", {
    unit: "{assignment}",
    description: "Assignments that this service made or recorded.",
  });
  readonly #exposures: LateInstrument<Counter> = counter("experiment.exposures", {
    unit: "{exposure}",
    description: "Requests in which a variant made a difference to the subject, once for each experiment.",
  });
  readonly #conversions: LateInstrument<Counter> = counter("experiment.conversions", {
    unit: "{conversion}",
    description: "Outcomes that experiments count, once for each experiment that counts.",
  });
  readonly #values: LateInstrument<Histogram> = new LateInstrument(METER, (meter: Meter) =>
    meter.createHistogram("experiment.conversion.value", {
      description: "The value of conversions, in the service's own unit.",
      advice: { explicitBucketBoundaries: VALUE_BOUNDARIES },
    }),
  );
  readonly #overrides: LateInstrument<Counter> = counter("experiment.override.rejections", {
    unit: "{override}",
    description: "Overrides that do not count, by reason.",
  });
  readonly #rejections: LateInstrument<Counter> = counter("experiment.baggage.rejections", {
    unit: "{member}",
    description: "Own baggage members that do not count, by reason.",
  });
  readonly #size: LateInstrument<Histogram> = new LateInstrument(METER, (meter: Meter) =>
    meter.createHistogram("experiment.baggage.size", {
      unit: "By",
      description: "Own baggage members sent with a request.",
      advice: { explicitBucketBoundaries: [64, 128, 256, 512, 1024, 2048, 4096] },
    }),
  );

  reject(reason: RejectionReason, members = 1): void {
    if (members > 0)
      attempt("meter", "a counter threw", () => this.#rejections.get()?.add(members, { reason }, ROOT_CONTEXT));
  }

  /** @param failure `error.type`, from a closed list, if the variant is a fallback */
  assigned({ metricPair }: CompiledAssignment, reason: EvaluationReason, failure?: string): void {
    const attributes: Attributes = { ...metricPair, "feature_flag.result.reason": reason };
    if (failure !== undefined) attributes["error.type"] = failure;
    attempt("meter", "a counter threw", () => this.#assignments.get()?.add(1, attributes));
  }

  exposed({ metricPair }: CompiledAssignment): void {
    attempt("meter", "a counter threw", () => this.#exposures.get()?.add(1, metricPair));
  }

  converted({ metricPair }: CompiledAssignment, name: string, value: number | undefined): void {
    attempt("meter", "a counter threw", () => {
      const attributes = { ...metricPair, "experiment.conversion": name };
      this.#conversions.get()?.add(1, attributes);
      if (value !== undefined) this.#values.get()?.record(value, attributes);
    });
  }

  rejectOverride(reason: OverrideRejectionReason): void {
    attempt("meter", "a counter threw", () => this.#overrides.get()?.add(1, { reason }, ROOT_CONTEXT));
  }

  sent(bytes: number): void {
    attempt("meter", "a counter threw", () => this.#size.get()?.record(bytes, {}, ROOT_CONTEXT));
  }
}

function counter(name: string, options: { unit: string; description: string }): LateInstrument<Counter> {
  return new LateInstrument(METER, (meter) => meter.createCounter(name, options));
}
