import { assignmentByKey } from "../assignment/catalog.ts";
import { type Decision, decide } from "../assignment/decision.ts";
import type { SubjectAttributes } from "../assignment/definition.ts";
import type { EvaluationReason } from "../assignment/reason.ts";
import type { CompiledExperiment } from "../assignment/registry.ts";
import { visitorOf } from "../assignment/sticky-store.ts";
import { describeValue } from "../checks/describe-value.ts";
import { attempt, warnOnce } from "../checks/diagnostics.ts";
import { notice } from "../checks/notices.ts";
import { ownOption } from "../checks/own-option.ts";
import { isThenable } from "../checks/thenable.ts";
import type { AssignArguments } from "../scope/public-scope.ts";
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
  instance.assigns = true;
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
  const assignment = assignmentByKey(catalog, key, variant);
  scope.add([assignment]);
  counters.assigned(assignment, reason);
  emitEvaluation(scope, assignment, reason);
  return variant;
}

/** A variant, or the promise of one; the promise never rejects. */
type Deciding = string | undefined | Promise<string | undefined>;

/** `Scope.assign`. @throws ExperimentUsageError in strict mode, at once */
export function assign(
  instance: Instance,
  scope: RequestScope,
  key: string,
  given: AssignArguments,
): Promise<string | undefined> {
  const standing = scope.find(key);
  if (standing !== undefined) return Promise.resolve(standing.variant);
  instance.assigns = true;
  const { catalog, report } = instance;
  if (!catalog.checkKey(key, report)) return NOT_ASSIGNED;
  const experiment = catalog.declared.get(key);
  if (experiment === undefined) {
    report("ERR_UNKNOWN_EXPERIMENT", `assign(${describeValue(key)}, …) needs a declared experiment`);
    return NOT_ASSIGNED;
  }
  if (given.length === 0) return Promise.resolve(assignVisitor(instance, scope, experiment));
  const [named, options] = given;
  const subject = visitorOf(instance.options.store, scope.exchange) ?? named;
  if (subject === undefined || subject === null || subject === "") {
    if (scope !== instance.emptyScope) notice("NO_SUBJECT");
    return NOT_ASSIGNED;
  }
  if (typeof subject !== "string") {
    report("ERR_SUBJECT", `the subject is ${describeValue(subject)}; write a text, such as the user's id`);
    return NOT_ASSIGNED;
  }
  const attributes = ownOption(options, "attributes") ?? NO_ATTRIBUTES;
  const isOutside = isEmptyScope(instance, scope, `assign(${describeValue(key)}, …)`, "remembers nothing");
  const decideNow = (): Deciding => decideFor(instance, scope, experiment, subject, attributes);
  return Promise.resolve(isOutside ? decideNow() : scope.decideOnce(key, decideNow));
}

/**
 * Assigns experiments to the scope's visitor. Undefined if all of them are decided on return; else a promise, which
 * never rejects. Never throws. An experiment that is no longer declared is left out.
 */
export function assignVisitorAll(
  instance: Instance,
  scope: RequestScope,
  keys: readonly string[],
): Promise<void> | undefined {
  const pending: Promise<unknown>[] = [];
  for (const key of keys) {
    const experiment = scope.find(key) === undefined ? instance.catalog.declared.get(key) : undefined;
    if (experiment === undefined) continue;
    const deciding = attempt("assigner", NOT_DECIDED, () => assignVisitor(instance, scope, experiment));
    if (isThenable(deciding)) {
      pending.push(deciding.then(undefined, (error: unknown) => warnOnce("assigner", NOT_DECIDED, error)));
    }
  }
  return pending.length === 0 ? undefined : Promise.all(pending).then(() => undefined);
}

const NOT_DECIDED = "an experiment of the option assign could not be decided, so the request is not assigned";
const NO_ATTRIBUTES: SubjectAttributes = Object.freeze({});

function assignVisitor(instance: Instance, scope: RequestScope, experiment: CompiledExperiment): Deciding {
  const { key } = experiment;
  if (isEmptyScope(instance, scope, `assign(${describeValue(key)})`, "assigns nothing")) return undefined;
  return scope.decideOnce(key, () => {
    const { visitor } = scope;
    const identified = visitorOf(instance.options.store, scope.exchange);
    if (identified === undefined && visitor === undefined) notice("NO_SUBJECT");
    const subject = identified ?? visitor?.subject();
    return isThenable(subject)
      ? subject.then((text) => decideForVisitor(instance, scope, experiment, text))
      : decideForVisitor(instance, scope, experiment, subject);
  });
}

/** The attributes are asked for only if the experiment uses them. If they fail, it is not known whether the subject takes part. */
function decideForVisitor(
  instance: Instance,
  scope: RequestScope,
  experiment: CompiledExperiment,
  subject: string | undefined,
): Deciding {
  if (subject === undefined) return undefined;
  const { visitor } = scope;
  const usesAttributes = experiment.targeting !== undefined || experiment.assigner !== undefined;
  const attributes = usesAttributes && visitor !== undefined ? visitor.attributes() : NO_ATTRIBUTES;
  const decideBy = (known: SubjectAttributes | undefined): Deciding =>
    known === undefined ? undefined : decideFor(instance, scope, experiment, subject, known);
  return isThenable(attributes) ? attributes.then(decideBy) : decideBy(attributes);
}

function decideFor(
  instance: Instance,
  scope: RequestScope,
  experiment: CompiledExperiment,
  subject: string,
  attributes: SubjectAttributes,
): Deciding {
  const startTime = Date.now();
  const decision = decide(experiment, subject, attributes, instance.options.store, scope.exchange);
  if (!isThenable(decision)) return settle(instance, scope, experiment, subject, decision, startTime);
  return decision.then((decided) => settle(instance, scope, experiment, subject, decided, startTime));
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
