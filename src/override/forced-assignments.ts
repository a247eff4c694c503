import type { CompiledAssignment } from "../assignment/assignment.ts";
import type { Instance } from "../instance.ts";
import type { Caller } from "../propagation/trust.ts";
import { attempt } from "../telemetry/diagnostics.ts";

/**
 * What a signed override forces upon a request, at the edge: a caller that is trusted is inside, and has its forced
 * variants in the baggage. Whatever does not count is counted by reason.
 */
export function forcedAssignments(
  instance: Instance,
  caller: Caller,
  url: string | undefined,
): readonly CompiledAssignment[] {
  const { options, registry, counters } = instance;
  const read = attempt("override", "an override could not be read", () =>
    options.overrides?.read({ header: caller.header, url }),
  );
  if (read === undefined) return [];
  if (typeof read === "string") {
    counters.refuseOverride(read);
    return [];
  }
  if (options.trust.trusts(caller)) {
    counters.refuseOverride("inside");
    return [];
  }
  const assignments: CompiledAssignment[] = [];
  for (const [key, variant] of read) {
    const declared = registry?.get(key);
    if (registry !== undefined && declared?.assignments.has(variant) !== true) counters.refuseOverride("unknown");
    else assignments.push(instance.compile({ key, id: declared?.id, variant, forced: true }));
  }
  return assignments;
}
