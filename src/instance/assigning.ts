import { type Decision, decide } from "../assignment/decision.ts";
import type { EvaluationReason } from "../assignment/reason.ts";
import type { CompiledExperiment } from "../assignment/registry.ts";
import { describeValue } from "../checks/describe-value.ts";
import { warnOnce } from "../checks/diagnostics.ts";
import { isThenable } from "../checks/thenable.ts";
import type { AssignOptions } from "../scope/public-scope.ts";
import type { RequestScope } from "../scope/request-scope.ts";
import { traceAssignment } from "../telemetry/assignment-span.ts";
import { emitEvaluation } from "../telemetry/evaluation-event.ts";
import { type Instance, isEmptyScope, isKnownKey } from "./instance.ts";

const NOT_ASSIGNED: Promise<undefined> = Promise.resolve(undefined);

/** `Scope.record`. @throws ExperimentUsageError in strict mode */
export function record(instance: Instance, scope: RequestScope, key: string, variant: string): string | undefined {
  if (!isKnownKey(instance, scope, key)) return undefined;
  if (!instance.catalog.checkVariant(key, variant, instance.report)) return undefined;
  return addAssignment(instance, scope, key, variant, "unknown");
}

/** Records the result of a feature flag's evaluation. False if no declared experiment and variant have these names. */
export function recordEvaluation(
  instance: Instance,
  scope: RequestScope,
  key: string,
  variant: string,
  reason: EvaluationReason,
): boolean {
  const isDeclared = instance.catalog.has(key, variant);
  if (isDeclared) addAssignment(instance, scope, key, variant, reason);
  return isDeclared;
}

function addAssignment(
  instance: Instance,
  scope: RequestScope,
  key: string,
  variant: string,
  reason: EvaluationReason,
): string | undefined {
  if (isEmptyScope(instance, scope, `record(${describeValue(key)}, …)`, "does nothing")) return undefined;
  const standing = scope.find(key);
  if (standing !== undefined) {
    if (standing.variant !== variant) {
      warnOnce(
        "conflict",
        `record(${describeValue(key)}, …) names another variant than the request already has; the first one is kept`,
      );
    }
    return standing.variant;
  }
  const { catalog, counters } = instance;
  const assignment = catalog.compile({ key, id: catalog.declared.get(key)?.id, variant, forced: false });
  scope.add([assignment]);
  counters.assigned(assignment, reason);
  emitEvaluation(scope, assignment, reason);
  return variant;
}

/** `Scope.assign`. @throws ExperimentUsageError in strict mode, at once */
export function assign(
  instance: Instance,
  scope: RequestScope,
  key: string,
  subject: string | null | undefined,
  options: AssignOptions | undefined,
): Promise<string | undefined> {
  const standing = scope.find(key);
  if (standing !== undefined) return Promise.resolve(standing.variant);
  const { catalog, report } = instance;
  if (!catalog.checkKey(key, report)) return NOT_ASSIGNED;
  const experiment = catalog.declared.get(key);
  if (experiment === undefined) {
    report("ERR_UNKNOWN_EXPERIMENT", `assign(${describeValue(key)}, …) needs a declared experiment`);
    return NOT_ASSIGNED;
  }
  if (subject === undefined || subject === null || subject === "") return NOT_ASSIGNED;
  if (typeof subject !== "string") {
    report("ERR_SUBJECT", `the subject is ${describeValue(subject)}; write a text, such as the user's id`);
    return NOT_ASSIGNED;
  }
  const attributes = options?.attributes ?? {};
  const isOutside = isEmptyScope(instance, scope, `assign(${describeValue(key)}, …)`, "remembers nothing");
  const decideNow = (): string | undefined | Promise<string | undefined> => {
    const startTime = Date.now();
    const decision = decide(experiment, subject, attributes, instance.options.store, scope.exchange);
    if (!isThenable(decision)) return settle(instance, scope, experiment, subject, decision, startTime);
    return decision.then((decided) => settle(instance, scope, experiment, subject, decided, startTime));
  };
  return isOutside ? Promise.resolve(decideNow()) : scope.decideOnce(key, decideNow);
}

/** Adds the decision to the scope, unless the scope got an assignment in the meantime. */
function settle(
  instance: Instance,
  scope: RequestScope,
  { key, id }: CompiledExperiment,
  subject: string,
  decision: Decision | undefined,
  startTime: number,
): string | undefined {
  const standing = scope.find(key);
  if (standing !== undefined) return standing.variant;
  if (decision === undefined) return undefined;
  const { variant, reason, failure } = decision;
  const recorded = instance.options.recordSubject?.(id, subject);
  const assignment = instance.catalog.compile(
    { key, id, variant, forced: false, ...(recorded === undefined ? {} : { subject: recorded.text }) },
    { isFallback: failure !== undefined, subjectTravels: recorded?.travels === true },
  );
  if (scope !== instance.emptyScope) scope.add([assignment]);
  traceAssignment(assignment, { startTime, reason, failure });
  instance.counters.assigned(assignment, reason, failure);
  emitEvaluation(scope, assignment, reason);
  return variant;
}
