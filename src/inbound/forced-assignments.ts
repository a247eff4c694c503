import type { CompiledAssignment } from "../assignment/assignment.ts";
import { attempt, infoOnce } from "../checks/diagnostics.ts";
import type { Caller } from "../http/shapes.ts";
import type { Instance } from "../instance/instance.ts";
import type { OverrideRefusal } from "../override/token.ts";

const REFUSALS: Readonly<Record<OverrideRefusal, string>> = {
  malformed: "it is no token of ours",
  tampered: "none of the secrets has signed it",
  expired: "it has expired",
  audience: "it is for another audience",
  lifetime: "it lives longer than maxLifetime, or is from the future",
};

/**
 * What a signed override forces upon a request, at the edge: a caller that is trusted is inside, and has its forced
 * variants in the baggage. Whatever does not count is counted by reason.
 */
export function forcedAssignments(
  instance: Instance,
  caller: Caller,
  url: string | undefined,
): readonly CompiledAssignment[] {
  const { options, catalog, counters } = instance;
  const read = attempt("override", "an override could not be read", () =>
    options.overrides?.read({ header: caller.header, url }),
  );
  if (read === undefined) return [];
  const refuse = (reason: OverrideRefusal | "unknown" | "inside", why: string): void => {
    counters.rejectOverride(reason);
    infoOnce("override", `an override was ignored: ${why}`);
  };
  if (typeof read === "string") {
    refuse(read, REFUSALS[read]);
    return [];
  }
  if (options.trust.trusts(caller)) {
    refuse("inside", "its caller is trusted, and sends forced variants in the baggage");
    return [];
  }
  const assignments: CompiledAssignment[] = [];
  for (const [key, variant] of read) {
    if (catalog.has(key, variant)) {
      assignments.push(catalog.compile({ key, id: catalog.declared.get(key)?.id, variant, forced: true }));
    } else refuse("unknown", "it names an experiment or a variant that is not declared");
  }
  return assignments;
}
