import { trace } from "@opentelemetry/api";
import { ATTR_EXPERIMENT_ID, ATTR_EXPERIMENT_VARIANT, type CompiledAssignment } from "../assignment/assignment.ts";
import type { EvaluationReason } from "../assignment/reason.ts";
import { attempt } from "../checks/diagnostics.ts";
import { SCOPE_NAME, VERSION } from "../version.ts";

/** How an assignment was decided. */
export interface AssignmentTrace {
  /** Milliseconds since 1970. */
  readonly startTime: number;
  readonly reason: EvaluationReason;
  /** `error.type`, if the variant is a fallback. */
  readonly failure: string | undefined;
}

/** Records the span `experiment.assign_variant` of a decision, for subjects that take part only. Never throws. */
export function traceAssignment(assignment: CompiledAssignment, { startTime, reason, failure }: AssignmentTrace): void {
  attempt("span", "the span of an assignment could not be recorded", () => {
    const span = trace.getTracer(SCOPE_NAME, VERSION).startSpan("experiment.assign_variant", { startTime });
    if (span.isRecording()) {
      const { key, id, variant } = assignment;
      span.setAttributes({
        "feature_flag.key": key,
        "feature_flag.result.reason": reason,
        ...(id === undefined ? {} : { [ATTR_EXPERIMENT_ID]: id }),
        [ATTR_EXPERIMENT_VARIANT]: variant,
        ...(failure === undefined ? {} : { "error.type": failure }),
      });
    }
    span.end();
  });
}
