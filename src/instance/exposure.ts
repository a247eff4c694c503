import type { RequestScope } from "../scope/request-scope.ts";
import { emitExposure } from "../telemetry/exposure-event.ts";

/**
 * Counts that a variant made a difference, once per scope and experiment. What is forced, what stands in for a failed
 * assigner, and what was never assigned, exposes nobody.
 */
export function expose(scope: RequestScope, key: string): void {
  const assignment = scope.find(key);
  if (assignment === undefined || !assignment.counts || !scope.outcomes.markExposed(key)) return;
  scope.owner.counters.exposed(assignment);
  scope.annotate({ [`experiment.${key}.exposed`]: true });
  emitExposure(scope, assignment);
}
