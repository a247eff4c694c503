import type { SubjectAttributes } from "../assignment/definition.ts";
import { warnOnce } from "../checks/diagnostics.ts";
import { notice } from "../checks/notices.ts";
import { isThenable } from "../checks/thenable.ts";
import { type TimedOutcome, withinTime } from "../checks/time-limit.ts";
import { assignVisitorAll } from "../instance/assigning.ts";
import type { Instance } from "../instance/instance.ts";
import type { RequestScope, Visitor } from "../scope/request-scope.ts";
import { runInScope } from "../scope/running.ts";

/** The adapter's options about the visitor, checked. The functions are the application's, and may do anything. */
export interface VisitorOptions {
  readonly subject: ((native: object) => unknown) | undefined;
  readonly attributes: ((native: object) => unknown) | undefined;
  /** The keys of the experiments that are assigned before the handlers run. */
  readonly assign: readonly string[];
}

/** A request waits no longer for a subject or for attributes. */
const TIME_LIMIT_MS = 250;

/**
 * Tells a scope whom its request is from, and assigns the experiments that the options name, in the scope. Each mount of
 * an adapter does it once for a request; the latest one tells the subject.
 *
 * @returns what the adapter has to wait for; undefined if there is nothing to wait for. It never rejects
 */
export function identifyVisitor(
  instance: Instance,
  scope: RequestScope,
  native: object,
  options: VisitorOptions,
): Promise<void> | undefined {
  if (scope.visitor?.by === options) return scope.visitor.assigned;
  const visitor = new RequestVisitor(options, native);
  scope.visitor = visitor;
  if (options.assign.length > 0) {
    visitor.assigned = runInScope(scope, () => assignVisitorAll(instance, scope, options.assign));
  }
  return visitor.assigned;
}

type Answer<T> = T | undefined | Promise<T | undefined>;

class RequestVisitor implements Visitor {
  readonly by: VisitorOptions;
  assigned: Promise<void> | undefined;
  readonly #native: object;
  #subject: Answer<string>;
  #attributes: Answer<SubjectAttributes>;
  #hasSubject = false;
  #hasAttributes = false;

  constructor(by: VisitorOptions, native: object) {
    this.by = by;
    this.#native = native;
  }

  subject(): Answer<string> {
    if (!this.#hasSubject) {
      this.#hasSubject = true;
      this.#subject = ask("subject", this.by.subject ?? noSubject, this.#native, subjectFrom);
    }
    return this.#subject;
  }

  attributes(): Answer<SubjectAttributes> {
    if (!this.#hasAttributes) {
      this.#hasAttributes = true;
      this.#attributes = ask("attributes", this.by.attributes ?? noAttributes, this.#native, attributesFrom);
    }
    return this.#attributes;
  }
}

/** Calls a function of the application. If it throws, rejects or is late, there is no answer. */
function ask<T>(
  option: "subject" | "attributes",
  question: (native: object) => unknown,
  native: object,
  accept: (answer: unknown) => T | undefined,
): Answer<T> {
  try {
    const answer = question(native);
    if (!isThenable(answer)) return accept(answer);
    return withinTime(TIME_LIMIT_MS, () => answer).then((outcome) => settled(option, outcome, accept));
  } catch (error) {
    refuse(option, "threw", error);
    return undefined;
  }
}

function settled<T>(
  option: "subject" | "attributes",
  outcome: TimedOutcome<unknown>,
  accept: (answer: unknown) => T | undefined,
): T | undefined {
  if (outcome.kind === "value") return accept(outcome.value);
  if (outcome.kind === "timeout") refuse(option, `took more than ${TIME_LIMIT_MS} ms`);
  else refuse(option, "failed", outcome.error);
  return undefined;
}

function subjectFrom(answer: unknown): string | undefined {
  if (typeof answer === "string" && answer !== "") return answer;
  // Visitors without an id are ordinary, other values are a mistake.
  if (answer === undefined || answer === null || answer === "") notice("NO_SUBJECT");
  else {
    refuse("subject", `gave a value of the type ${typeof answer}; write a text, such as String(user.id)`);
  }
  return undefined;
}

function attributesFrom(answer: unknown): SubjectAttributes | undefined {
  if (isAttributes(answer)) return answer;
  if (answer === undefined || answer === null) return noAttributes();
  refuse("attributes", `gave a value of the type ${typeof answer}; write an object`);
  return undefined;
}

function isAttributes(answer: unknown): answer is SubjectAttributes {
  return typeof answer === "object" && answer !== null;
}

function noSubject(): undefined {
  return undefined;
}

const NO_ATTRIBUTES: SubjectAttributes = Object.freeze({});

function noAttributes(): SubjectAttributes {
  return NO_ATTRIBUTES;
}

function refuse(option: "subject" | "attributes", what: string, error?: unknown): void {
  warnOnce(option, `the adapter's option ${option} ${what}, so the request is not assigned`, error);
}
