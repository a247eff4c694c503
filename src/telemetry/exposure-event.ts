import { ATTR_EXPERIMENT_ID, ATTR_EXPERIMENT_VARIANT, type CompiledAssignment } from "../assignment/assignment.ts";
import { subjectAttributes } from "./evaluation-event.ts";
import { type EventScope, emitEvent } from "./events.ts";

/** Emits `experiment.exposure`: the variant made a difference for the subject. Never throws. */
export function emitExposure(scope: EventScope, assignment: CompiledAssignment): void {
  const { key, id, variant } = assignment;
  emitEvent(scope, "experiment.exposure", () => ({
    "experiment.key": key,
    ...(id === undefined ? {} : { [ATTR_EXPERIMENT_ID]: id }),
    [ATTR_EXPERIMENT_VARIANT]: variant,
    ...subjectAttributes(assignment),
  }));
}
