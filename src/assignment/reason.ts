/**
 * The reason for a feature flag's value, OpenTelemetry's `feature_flag.result.reason`. An assignment given to `record`
 * is `unknown`: it has a reason, but this service does not know it.
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

const REASONS: readonly EvaluationReason[] = [
  "static",
  "default",
  "targeting_match",
  "split",
  "cached",
  "disabled",
  "unknown",
  "stale",
  "error",
];

export function isEvaluationReason(value: unknown): value is EvaluationReason {
  return REASONS.some((reason) => reason === value);
}
