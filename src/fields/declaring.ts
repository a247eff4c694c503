import { describeValue } from "../checks/describe-value.ts";
import { ExperimentConfigError } from "../checks/errors.ts";
import { type ClosedField, FIELD, type FieldPlan, type FieldSignal, type FieldValue } from "./field.ts";

const SIGNALS: readonly FieldSignal[] = ["span", "log", "metric"];

/** A field with a builder's defaults: on no signal, not mutable, checked for sensitive data. */
export function declare<T extends FieldValue>(
  plan: Pick<FieldPlan<T>, "type" | "wire" | "choices" | "codec">,
): ClosedField<T> {
  return fieldOf({ ...plan, signals: [], mutable: false, notSensitive: false });
}

/** A field without choices cannot go on metrics: types and the check in `withSignals` refuse it. */
function fieldOf<T extends FieldValue>(plan: FieldPlan<T>): ClosedField<T> {
  const frozen = Object.freeze({ ...plan, signals: Object.freeze([...plan.signals]) });
  return Object.freeze({
    [FIELD]: frozen,
    on: (...signals: readonly FieldSignal[]) => fieldOf({ ...frozen, signals: withSignals(frozen, signals) }),
    mutable: () => fieldOf({ ...frozen, mutable: true }),
    notSensitive: () => fieldOf({ ...frozen, notSensitive: true }),
  });
}

/** Adds signals, in a fixed order, so that equal declarations look the same. */
function withSignals(plan: FieldPlan, added: readonly unknown[]): readonly FieldSignal[] {
  for (const signal of added) {
    if (!SIGNALS.some((known) => known === signal)) {
      throw new ExperimentConfigError(
        "ERR_FIELD",
        `a field of ${plan.type} goes on ${describeValue(signal)}; write "span", "log" or "metric"`,
      );
    }
    if (signal === "metric" && plan.choices === undefined) {
      throw new ExperimentConfigError(
        "ERR_FIELD",
        `a field of ${plan.type} goes on "metric", where each value makes a series; only oneOf and boolean can go there`,
      );
    }
  }
  return SIGNALS.filter((signal) => plan.signals.includes(signal) || added.includes(signal));
}
