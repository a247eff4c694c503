import type { Context } from "@opentelemetry/api";
import { type Assignment, type CompiledAssignment, compileAssignment } from "../assignment/assignment.ts";
import { type Decision, decide } from "../assignment/decision.ts";
import { isExperimentKey, isExperimentName, KEY_RULE, NAME_RULE } from "../assignment/names.ts";
import type { EvaluationReason } from "../assignment/reason.ts";
import { type CompiledExperiment, type CompiledRegistry, compileRegistry } from "../assignment/registry.ts";
import { UnregisteredAssignments } from "../assignment/unregistered.ts";
import { advise, attempt } from "../checks/diagnostics.ts";
import { ExperimentUsageError, type ExperimentUsageErrorCode } from "../checks/errors.ts";
import { show } from "../checks/show.ts";
import { isThenable } from "../checks/thenable.ts";
import type { CompiledFields } from "../fields/compiled-fields.ts";
import { readField } from "../fields/read-fields.ts";
import { writeEverywhere, writesEverywhereByDefault } from "../outbound/everywhere.ts";
import { type EgressHold, enforce } from "../outbound/stop.ts";
import type { EgressPolicy } from "../policy/egress-policy.ts";
import type { ConversionOptions } from "../scope/conversion-options.ts";
import { currentScope } from "../scope/finding.ts";
import type { AssignOptions } from "../scope/public-scope.ts";
import { RequestScope, type ScopeOwner } from "../scope/request-scope.ts";
import { traceAssignment } from "../telemetry/assignment-span.ts";
import { ExperimentCounters } from "../telemetry/counters.ts";
import { emitEvaluation } from "../telemetry/evaluation-event.ts";
import type { MeterIdentity } from "../telemetry/late-instrument.ts";
import { AttributedMeter, type Attribution } from "../telemetry/meter.ts";
import { convert, isConversionName } from "./conversion.ts";
import { expose } from "./exposure.ts";
import { type CompiledOptions, compileOptions, requirePrimary } from "./options.ts";

const NOT_ASSIGNED: Promise<undefined> = Promise.resolve(undefined);

/** What is unlike the ordinary assignment. */
interface CompileVariation {
  readonly isFallback?: boolean;
  readonly subjectTravels?: boolean;
}

/** What one call of `createExperiments` made, as the parts of the core see it. */
export class Instance implements ScopeOwner {
  readonly options: CompiledOptions;
  readonly counters: ExperimentCounters = new ExperimentCounters();
  /** What code outside a request sees: always empty. */
  readonly outside: RequestScope;
  readonly egress: EgressHold;
  closed = false;
  #registry: CompiledRegistry | undefined;
  readonly #unregistered: UnregisteredAssignments;
  readonly #closing = new Set<() => void>();
  readonly #meters = new Map<string, AttributedMeter>();

  /** @throws ExperimentConfigError */
  constructor(options: unknown) {
    this.options = compileOptions(options);
    this.#registry = this.options.registry;
    this.#unregistered = new UnregisteredAssignments(this.options.reader.prefix);
    this.outside = new RequestScope(this, undefined);
    this.egress = enforce(this.options.policy);
    if (writesEverywhereByDefault()) this.beforeClose(writeEverywhere(this.options.policy));
  }

  get policy(): EgressPolicy {
    return this.options.policy;
  }

  get primary(): string | undefined {
    return this.options.primary;
  }

  get fields(): CompiledFields {
    return this.options.fields;
  }

  current(active?: Context): RequestScope {
    return currentScope(this, active) ?? this.outside;
  }

  /** The experiments that are declared now. */
  get registry(): CompiledRegistry | undefined {
    return this.#registry;
  }

  /** What runs keeps what it has; what is new follows the new registry. @throws ExperimentConfigError */
  replace(registry: unknown): void {
    const compiled = compileRegistry(registry, this.options.reader.prefix);
    requirePrimary(this.primary, compiled);
    this.#registry = compiled;
  }

  /** Everything that is written of an assignment; shared where the registry declares it. */
  readonly compile = (assignment: Assignment, plan: CompileVariation = {}): CompiledAssignment => {
    const registry = this.#registry;
    const { isFallback = false, subjectTravels = false } = plan;
    if (registry === undefined) return this.#unregistered.get(assignment);
    const declared = registry.get(assignment.key);
    const shared = declared?.id === assignment.id ? declared?.assignments.get(assignment.variant) : undefined;
    const isShared = shared !== undefined && !assignment.forced && !isFallback && assignment.subject === undefined;
    if (isShared) return shared;
    const { prefix } = this.options.reader;
    const countable = shared !== undefined && !assignment.forced;
    return compileAssignment(assignment, { prefix, countable, isFallback, subjectTravels });
  };

  record(scope: RequestScope, key: string, variant: string): string | undefined {
    if (!this.#isKnown(scope, key) || !this.#checkVariant(key, variant)) return undefined;
    return this.#note(scope, key, variant, "unknown");
  }

  /** Notes what a feature flag's evaluation gave, if an experiment and a variant of ours are meant. */
  recordEvaluation(scope: RequestScope, key: string, variant: string, reason: EvaluationReason): boolean {
    const isOurs =
      this.#registry === undefined
        ? isExperimentKey(key) && isExperimentName(variant)
        : this.#registry.get(key)?.assignments.has(variant) === true;
    if (isOurs) this.#note(scope, key, variant, reason);
    return isOurs;
  }

  #note(scope: RequestScope, key: string, variant: string, reason: EvaluationReason): string | undefined {
    if (this.#isOutside(scope, `record(${show(key)}, …)`, "does nothing")) return undefined;
    const standing = scope.find(key);
    if (standing !== undefined) {
      if (standing.variant !== variant) {
        advise(
          "conflict",
          `record(${show(key)}, …) names another variant than the request already has; the first one stands`,
        );
      }
      return standing.variant;
    }
    const assignment = this.compile({ key, id: this.#registry?.get(key)?.id, variant, forced: false });
    scope.add([assignment]);
    this.counters.assigned(assignment, reason);
    emitEvaluation(scope, assignment, reason);
    return variant;
  }

  assign(
    scope: RequestScope,
    key: string,
    subject: string | null | undefined,
    options: AssignOptions | undefined,
  ): Promise<string | undefined> {
    const standing = scope.find(key);
    if (standing !== undefined) return Promise.resolve(standing.variant);
    if (!this.checkKey(key)) return NOT_ASSIGNED;
    const experiment = this.#registry?.get(key);
    if (experiment === undefined) {
      this.mistake("ERR_UNKNOWN_EXPERIMENT", `assign(${show(key)}, …) needs an experiment that is declared`);
      return NOT_ASSIGNED;
    }
    if (subject === undefined || subject === null || subject === "") return NOT_ASSIGNED;
    if (typeof subject !== "string") {
      this.mistake("ERR_SUBJECT", `the subject is ${show(subject)}; write a text, such as the user's id`);
      return NOT_ASSIGNED;
    }
    const attributes = options?.attributes ?? {};
    const isOutside = this.#isOutside(scope, `assign(${show(key)}, …)`, "remembers nothing");
    const decideNow = (): string | undefined | Promise<string | undefined> => {
      const startTime = Date.now();
      const decision = decide(experiment, subject, attributes, this.options.store, scope.exchange);
      if (!isThenable(decision)) return this.#settle(scope, experiment, subject, decision, startTime);
      return decision.then((decided) => this.#settle(scope, experiment, subject, decided, startTime));
    };
    return isOutside ? Promise.resolve(decideNow()) : scope.decideOnce(key, decideNow);
  }

  /** Notes what was decided, unless somebody has recorded a variant meanwhile. */
  #settle(
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
    const recorded = this.options.recordSubject?.(id, subject);
    const assignment = this.compile(
      { key, id, variant, forced: false, ...(recorded === undefined ? {} : { subject: recorded.text }) },
      { isFallback: failure !== undefined, subjectTravels: recorded?.travels === true },
    );
    if (scope !== this.outside) scope.add([assignment]);
    traceAssignment(assignment, { startTime, reason, failure });
    this.counters.assigned(assignment, reason, failure);
    emitEvaluation(scope, assignment, reason);
    return variant;
  }

  expose(scope: RequestScope, key: string): void {
    if (!this.#isKnown(scope, key)) return;
    if (!this.#isOutside(scope, `expose(${show(key)})`, "counts nobody")) expose(scope, key);
  }

  convert(scope: RequestScope, name: string, options: ConversionOptions | undefined): void {
    const { value, experiment } = options ?? {};
    if (!isConversionName(name)) {
      this.mistake("ERR_BAD_NAME", `the conversion ${show(name)} is not ${NAME_RULE}`);
      return;
    }
    if (value !== undefined && !(Number.isFinite(value) && value >= 0)) {
      this.mistake(
        "ERR_CONVERSION_VALUE",
        `the value of ${name} is ${show(value)}; write a finite number that is not negative, since no histogram takes one`,
      );
      return;
    }
    if (experiment !== undefined && !this.#isKnown(scope, experiment)) return;
    if (!this.#isOutside(scope, `convert(${show(name)})`, "counts nothing")) convert(scope, name, options ?? {});
  }

  checkField(name: unknown): boolean {
    if (typeof name === "string" && this.fields.has(name)) return true;
    const names = this.fields.size === 0 ? "none" : [...this.fields.keys()].join(", ");
    return this.mistake("ERR_UNKNOWN_FIELD", `there is no field ${show(name)}; declared are ${names}`);
  }

  /** What is wrong with a value is said without the value, which may be anything. */
  setField(scope: RequestScope, name: string, value: unknown): boolean {
    const field = this.checkField(name) ? this.fields.get(name) : undefined;
    if (field === undefined) return false;
    const { codec } = field;
    const read = attempt("ERR_FIELD_VALUE", `the value of ${name} could not be read`, () =>
      codec.accepts(value) ? readField(field, codec.encode(value)) : undefined,
    );
    if (read === undefined || read === "malformed") {
      return this.mistake("ERR_FIELD_VALUE", `the value given to ${name} breaks its declaration; write ${field.type}`);
    }
    if (this.#isOutside(scope, `fields.set(${show(name)}, …)`, "does nothing")) return false;
    if (read === "sensitive") {
      this.counters.reject("sensitive");
      advise("sensitive", `a value given to ${name} looks like a secret or personal data, and was dropped`);
      return false;
    }
    const standing = scope.fields.textOf(name);
    if (standing === read.text) return true;
    if (standing !== undefined && !field.mutable) {
      return this.mistake(
        "ERR_FIELD_CHANGED",
        `${name} has another value already, and the first one stands; declare it .mutable() if services may change it`,
      );
    }
    scope.fields.note([read]);
    return true;
  }

  #isOutside(scope: RequestScope, call: string, consequence: string): boolean {
    if (scope !== this.outside) return false;
    advise("no-scope", `${call} was called outside a request and ${consequence}; call it behind the middleware`);
    return true;
  }

  /** Whether a key can be asked for. @throws ExperimentUsageError in strict mode */
  checkKey(key: unknown): boolean {
    const registry = this.#registry;
    if (registry === undefined) {
      return isExperimentKey(key) || this.mistake("ERR_BAD_NAME", `the key ${show(key)} is not ${KEY_RULE}`);
    }
    if (typeof key === "string" && registry.has(key)) return true;
    const keys = [...registry.keys()].join(", ");
    return this.mistake("ERR_UNKNOWN_EXPERIMENT", `there is no experiment ${show(key)}; declared are ${keys}`);
  }

  /** What a request has can be asked for, also where the registry has been replaced. */
  #isKnown(scope: RequestScope, key: string): boolean {
    return scope.find(key) !== undefined || this.checkKey(key);
  }

  #checkVariant(key: string, variant: unknown): boolean {
    const declared = this.#registry?.get(key);
    if (declared === undefined) {
      return (
        isExperimentName(variant) || this.mistake("ERR_BAD_NAME", `the variant ${show(variant)} is not ${NAME_RULE}`)
      );
    }
    if (typeof variant === "string" && declared.assignments.has(variant)) return true;
    const variants = [...declared.assignments.keys()].join(", ");
    return this.mistake("ERR_UNKNOWN_VARIANT", `${key} has no variant ${show(variant)}; declared are ${variants}`);
  }

  /** @throws ExperimentUsageError in strict mode */
  mistake(code: ExperimentUsageErrorCode, message: string): false {
    if (this.options.strict) throw new ExperimentUsageError(code, message);
    advise(code, message);
    return false;
  }

  /** One meter for each identity, so that it costs little to ask for one in a handler. */
  meter(identity: MeterIdentity, attribution: Attribution): AttributedMeter {
    const id = JSON.stringify([identity.name, identity.version, identity.options?.schemaUrl, attribution]);
    let meter = this.#meters.get(id);
    if (meter === undefined) {
      meter = new AttributedMeter(identity, attribution, (active) => currentScope(this, active));
      this.#meters.set(id, meter);
    }
    return meter;
  }

  /** Observable instruments have no call of their own by which they could notice a late MeterProvider. */
  refreshMeters(): void {
    for (const meter of this.#meters.values()) meter.refresh();
  }

  /** What is undone when it is closed, or at once where it is, or when the result is called. What is given is idempotent. */
  beforeClose(undo: () => void): () => void {
    if (this.closed) undo();
    else this.#closing.add(undo);
    return () => {
      this.#closing.delete(undo);
      undo();
    };
  }

  close(): void {
    this.closed = true;
    for (const undo of this.#closing) undo();
    this.#closing.clear();
    this.egress.release();
  }
}
