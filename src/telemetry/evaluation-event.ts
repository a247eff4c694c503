import type { Attributes } from "@opentelemetry/api";
import { ATTR_EXPERIMENT_ID, type CompiledAssignment } from "../assignment/assignment.ts";
import type { EvaluationReason } from "../assignment/reason.ts";
import { SCOPE_NAME } from "../version.ts";
import { type EventScope, emitEvent } from "./events.ts";

/**
 * Emits `feature_flag.evaluation`, as OpenTelemetry's conventions for feature flags have it: the experiment is the flag,
 * and this package is the provider of what counts. Never throws.
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

/** Who was assigned, where `recordSubject` says so. */
export function subjectAttributes({ key, assignment: { subject } }: CompiledAssignment): Attributes {
  return subject === undefined ? {} : { [`experiment.${key}.subject`]: subject };
}
