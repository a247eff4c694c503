/**
 * How a feature flag's value came about, OpenTelemetry's `feature_flag.result.reason`. What somebody else decided and
 * `record` was told is `unknown`: that a reason exists is known, which one it is not.
 */
export type EvaluationReason = (typeof REASONS)[number];

const REASONS = [
  "static",
  "default",
  "targeting_match",
  "split",
  "cached",
  "disabled",
  "unknown",
  "stale",
  "error",
] as const;

export function isEvaluationReason(value: unknown): value is EvaluationReason {
  return REASONS.some((reason) => reason === value);
}
