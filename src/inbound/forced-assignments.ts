import type { CompiledAssignment } from "../assignment/assignment.ts";
import { assignmentByKey } from "../assignment/catalog.ts";
import { attempt, infoOnce } from "../checks/diagnostics.ts";
import { notice } from "../checks/notices.ts";
import type { Caller } from "../http/shapes.ts";
import type { Instance } from "../instance/instance.ts";
import type { OverrideRefusal } from "../override/token.ts";

const REFUSALS: Readonly<Record<OverrideRefusal, string>> = {
  malformed: "it is not an override token",
  tampered: "its signature is by none of the secrets",
  expired: "it has expired",
  audience: "it is for another audience",
  lifetime: "its lifetime is longer than maxLifetime, or it was issued in the future",
};

/**
 * The assignments that a signed override forces, if the caller is not trusted. A trusted caller sends forced variants in
 * the baggage instead. Overrides that do not count are counted by reason.
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
    notice("OVERRIDE_IGNORED", { why });
  };
  if (typeof read === "string") {
    refuse(read, REFUSALS[read]);
    return [];
  }
  if (options.trust.trusts(caller)) {
    refuse("inside", "its caller is trusted, and can send forced variants in the baggage");
    return [];
  }
  const assignments: CompiledAssignment[] = [];
  for (const [key, variant] of read) {
    if (catalog.has(key, variant)) {
      assignments.push(assignmentByKey(catalog, key, variant, true));
    } else refuse("unknown", "it names an experiment or a variant that is not declared");
  }
  return assignments;
}
