import type { CompiledAssignment } from "../assignment/assignment.ts";
import { infoOnce } from "../checks/diagnostics.ts";
import { notice } from "../checks/notices.ts";
import { readFields, type StandingField } from "../fields/read-fields.ts";
import type { Caller } from "../http/shapes.ts";
import type { Trust } from "../policy/trust.ts";
import type { RequestScope } from "../scope/request-scope.ts";
import { readAssignments } from "./read-assignments.ts";
import type { Receiver } from "./receiver.ts";

/** The assignments and fields of a `baggage` header that count. */
export interface Received {
  readonly assignments: readonly CompiledAssignment[];
  readonly fields: readonly StandingField[];
}

const NONE: readonly never[] = Object.freeze([]);
const NOTHING: Received = Object.freeze({ assignments: NONE, fields: NONE });

/**
 * Reads the own members of a request, if its caller is trusted. Members that do not count are counted by reason.
 *
 * @param trust decides whether the caller is trusted. Default: `trustInbound`
 */
export function readReceived(
  receiver: Receiver,
  header: string,
  caller: Caller,
  trust: Trust = receiver.options.trust,
): Received {
  const { options, counters } = receiver;
  const { parts, fields, malformed, overBudget, encoded } = options.reader.read(header);
  if (encoded > 0) counters.reject("encoded_key", encoded);
  if (malformed > 0) counters.reject("malformed", malformed);
  if (overBudget > 0) counters.reject("over_limit", overBudget);
  if (parts.length === 0 && fields.length === 0) return NOTHING;
  if (!trust.trusts(caller)) {
    counters.reject("untrusted", parts.length / 3 + fields.length / 2);
    const fix = trust.explain(caller);
    infoOnce(
      "untrusted",
      `experiments and fields from ${caller.peer ?? "a caller without an address"} were ignored; ${fix}`,
    );
    notice("UNTRUSTED", { fix });
    return NOTHING;
  }
  return {
    assignments: parts.length === 0 ? NONE : readAssignments(receiver, parts),
    fields: fields.length === 0 ? NONE : readFields(options.fields, (reason) => counters.reject(reason), fields),
  };
}

/** Adds to a scope the assignments and fields that came with its request. */
export function receive(scope: RequestScope, received: Received): void {
  if (received === NOTHING) return;
  const { assignments, fields } = received;
  scope.hasReceived = true;
  scope.add(assignments);
  if (fields.length > 0) scope.fields.note(fields);
}
