import { ExperimentConfigError } from "../checks/errors.ts";
import { show } from "../checks/show.ts";
import { type ClosedField, FIELD, type Field, type FieldPlan, type FieldSignal, type FieldValue } from "./field.ts";

const SIGNALS: readonly FieldSignal[] = ["span", "log", "metric"];

/** A field of this plan. */
export function fieldOf<T extends FieldValue>(plan: FieldPlan<T>): Field<T> {
  return closedFieldOf(plan);
}

/** The types keep measurements from what is not closed; so does the check. */
export function closedFieldOf<T extends FieldValue>(plan: FieldPlan<T>): ClosedField<T> {
  const frozen = Object.freeze({ ...plan, signals: Object.freeze([...plan.signals]) });
  return Object.freeze({
    [FIELD]: frozen,
    on: (...signals: readonly FieldSignal[]) => closedFieldOf({ ...frozen, signals: withSignals(frozen, signals) }),
    mutable: () => closedFieldOf({ ...frozen, mutable: true }),
  });
}

/** In one order, so that equal declarations look the same. */
function withSignals(plan: FieldPlan, added: readonly unknown[]): readonly FieldSignal[] {
  for (const signal of added) {
    if (!SIGNALS.some((known) => known === signal)) {
      throw new ExperimentConfigError(
        "ERR_FIELD",
        `a field of ${plan.type} goes on ${show(signal)}; write "span", "log" or "metric"`,
      );
    }
    if (signal === "metric" && !plan.closed) {
      throw new ExperimentConfigError(
        "ERR_FIELD",
        `a field of ${plan.type} goes on "metric", where each value makes a series; only oneOf and boolean can do that`,
      );
    }
  }
  return SIGNALS.filter((signal) => plan.signals.includes(signal) || added.includes(signal));
}
