import type { Attributes } from "@opentelemetry/api";
import { ATTR_EXPERIMENT_ID, type CompiledAssignment } from "../assignment/assignment.ts";
import type { EvaluationReason } from "../assignment/reason.ts";
import { SCOPE_NAME } from "../version.ts";
import { type EventScope, emitEvent } from "./events.ts";

/**
 * Emits `feature_flag.evaluation` by OpenTelemetry's conventions for feature flags: the experiment is the flag, this
 * package is the provider. Never throws.
 */
export function emitEvaluation(scope: EventScope, assignment: CompiledAssignment, reason: EvaluationReason): void {
  const { key, id, variant } = assignment;
  emitEvent(scope, "feature_flag.evaluation", () => ({
    "feature_flag.key": key,
    "feature_flag.result.variant": variant,
    "feature_flag.result.reason": reason,
    "feature_flag.provider.name": SCOPE_NAME,
    ...(id === undefined ? {} : { [ATTR_EXPERIMENT_ID]: id }),
    ...subjectAttributes(assignment),
  }));
}

/** The recorded subject; empty without `recordSubject`. */
export function subjectAttributes({ key, assignment: { subject } }: CompiledAssignment): Attributes {
  return subject === undefined ? {} : { [`experiment.${key}.subject`]: subject };
}
