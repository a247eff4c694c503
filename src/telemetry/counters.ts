import { type Counter, type Histogram, type Meter, ROOT_CONTEXT } from "@opentelemetry/api";
import type { CompiledAssignment } from "../assignment/assignment.ts";
import { SCOPE_NAME, VERSION } from "../version.ts";
import { attempt } from "./diagnostics.ts";
import { LateInstrument, type MeterIdentity } from "./late-instrument.ts";

/**
 * Why own members do not count. `untrusted`: the caller may not send them. `encoded_key`: the key is ours only when
 * it is percent-decoded. `malformed`: key, value or field breaks the rules. `orphan`: an id or a mark without a variant.
 * `unknown`: not in the registry, where `unknown` is `"drop"`. `over_limit`: no room. `id_mismatch`: kept, but of
 * another run than the registry names.
 */
export type RejectionReason =
  | "untrusted"
  | "encoded_key"
  | "malformed"
  | "orphan"
  | "unknown"
  | "over_limit"
  | "id_mismatch";

const METER: MeterIdentity = { name: SCOPE_NAME, version: VERSION, options: undefined };

/** What the package measures of itself. Nothing here throws. */
export class ExperimentCounters {
  readonly #assignments: LateInstrument<Counter> = counter("experiment.assignments", {
    unit: "{assignment}",
    description: "Assignments that this service made or recorded.",
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

  assigned({ metricPair }: CompiledAssignment): void {
    attempt("meter", "a counter threw", () => this.#assignments.get()?.add(1, metricPair));
  }

  sent(bytes: number): void {
    attempt("meter", "a counter threw", () => this.#size.get()?.record(bytes, {}, ROOT_CONTEXT));
  }
}

function counter(name: string, options: { unit: string; description: string }): LateInstrument<Counter> {
  return new LateInstrument(METER, (meter) => meter.createCounter(name, options));
}
