import type { Attributes } from "@opentelemetry/api";
import { ATTR_EXPERIMENT_ID, ATTR_EXPERIMENT_VARIANT, type CompiledAssignment } from "../assignment/assignment.ts";
import { subjectAttributes } from "./evaluation-event.ts";
import { type EventScope, emitEvent } from "./events.ts";

/** Emits `experiment.exposure`: the variant made a difference for the subject. Never throws. */
export function emitExposure(scope: EventScope, assignment: CompiledAssignment): void {
  emitEvent(scope, "experiment.exposure", () => outcomeAttributes(assignment));
}

/** The attributes that exposures and conversions share: `experiment.key`, `.id`, `.variant` and the recorded subject. */
export function outcomeAttributes(assignment: CompiledAssignment): Attributes {
  const { key, id, variant } = assignment;
  return {
    "experiment.key": key,
    ...(id === undefined ? {} : { [ATTR_EXPERIMENT_ID]: id }),
    [ATTR_EXPERIMENT_VARIANT]: variant,
    ...subjectAttributes(assignment),
  };
}
