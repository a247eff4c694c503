import type { CompiledAssignment } from "../assignment/assignment.ts";
import { type EventScope, emitEvent } from "./events.ts";
import { outcomeAttributes } from "./exposure-event.ts";

/**
 * Emits `experiment.conversion`, for one of the assignments that a conversion counts for. Traces may be sampled, events
 * are not, so a report can count them. Never throws.
 */
export function emitConversion(
  scope: EventScope,
  assignment: CompiledAssignment,
  name: string,
  value: number | undefined,
): void {
  emitEvent(scope, "experiment.conversion", () => ({
    ...outcomeAttributes(assignment),
    "experiment.conversion": name,
    ...(value === undefined ? {} : { "experiment.conversion.value": value }),
  }));
}
