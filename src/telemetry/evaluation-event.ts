import { ATTR_EXPERIMENT_ID, type CompiledAssignment } from "../assignment/assignment.ts";
import type { RequestScope } from "../scope.ts";
import { SCOPE_NAME } from "../version.ts";
import { emitEvent } from "./events.ts";

/**
 * How a feature flag's value came about, OpenTelemetry's `feature_flag.result.reason`. What somebody else decided and
 * `record` was told is `unknown`: that a reason exists is known, which one it is not.
 */
export type EvaluationReason =
  | "static"
  | "default"
  | "targeting_match"
  | "split"
  | "cached"
  | "disabled"
  | "unknown"
  | "stale"
  | "error";

/**
 * Emits `feature_flag.evaluation`, as OpenTelemetry's conventions for feature flags have it: the experiment is the flag,
 * and this package is the provider of what counts. Never throws.
 */
export function emitEvaluation(
  scope: RequestScope,
  { key, id, variant }: CompiledAssignment,
  reason: EvaluationReason,
): void {
  emitEvent(scope, "feature_flag.evaluation", () => ({
    "feature_flag.key": key,
    "feature_flag.result.variant": variant,
    "feature_flag.result.reason": reason,
    "feature_flag.provider.name": SCOPE_NAME,
    ...(id === undefined ? {} : { [ATTR_EXPERIMENT_ID]: id }),
  }));
}
