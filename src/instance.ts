import type { Context } from "@opentelemetry/api";
import { type Assignment, type CompiledAssignment, compileAssignment } from "./assignment/assignment.ts";
import { isExperimentKey, isExperimentName, KEY_RULE, NAME_RULE } from "./assignment/names.ts";
import { UnregisteredAssignments } from "./assignment/unregistered.ts";
import { type EgressHold, enforce } from "./egress/egress.ts";
import { writeEverywhere } from "./egress/everywhere.ts";
import { ExperimentUsageError, type ExperimentUsageErrorCode } from "./errors.ts";
import { type CompiledOptions, compileOptions } from "./options.ts";
import { processState } from "./process-state.ts";
import type { EgressPolicy } from "./propagation/egress-policy.ts";
import { RequestScope, type ScopeOwner } from "./scope.ts";
import { currentScope } from "./scope-finding.ts";
import { show } from "./show.ts";
import { ExperimentCounters } from "./telemetry/counters.ts";
import { advise } from "./telemetry/diagnostics.ts";
import { emitEvaluation } from "./telemetry/evaluation-event.ts";
import type { MeterIdentity } from "./telemetry/late-instrument.ts";
import { AttributedMeter, type Attribution } from "./telemetry/meter.ts";

/** What one call of `createExperiments` made, as the parts of the core see it. */
export class Instance implements ScopeOwner {
  readonly options: CompiledOptions;
  readonly counters: ExperimentCounters = new ExperimentCounters();
  /** What code outside a request sees: always empty. */
  readonly outside: RequestScope;
  readonly egress: EgressHold;
  closed = false;
  readonly #unregistered: UnregisteredAssignments;
  readonly #closing = new Set<() => void>();
  readonly #meters = new Map<string, AttributedMeter>();

  /** @throws ExperimentConfigError */
  constructor(options: unknown) {
    this.options = compileOptions(options);
    this.#unregistered = new UnregisteredAssignments(this.options.reader.prefix);
    this.outside = new RequestScope(this, undefined);
    this.egress = enforce(this.options.policy);
    if (processState().everywhereByDefault) this.beforeClose(writeEverywhere(this.options.policy));
  }

  get policy(): EgressPolicy {
    return this.options.policy;
  }

  get primary(): string | undefined {
    return this.options.primary;
  }

  current(active?: Context): RequestScope {
    return currentScope(this, active) ?? this.outside;
  }

  /** Everything that is written of an assignment; shared where the registry declares it. */
  readonly compile = (assignment: Assignment): CompiledAssignment => {
    const { registry, reader } = this.options;
    if (registry === undefined) return this.#unregistered.get(assignment);
    const declared = registry.get(assignment.key);
    const shared = declared?.id === assignment.id ? declared?.assignments.get(assignment.variant) : undefined;
    return shared !== undefined && !assignment.forced ? shared : compileAssignment(assignment, reader.prefix, false);
  };

  record(scope: RequestScope, key: string, variant: string): string | undefined {
    if (!this.checkKey(key) || !this.#checkVariant(key, variant)) return undefined;
    if (scope === this.outside) {
      advise(
        "no-scope",
        `record(${show(key)}, …) was called outside a request and does nothing; call it behind the middleware`,
      );
      return undefined;
    }
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
    const assignment = this.compile({ key, id: this.options.registry?.get(key)?.id, variant, forced: false });
    scope.add([assignment]);
    this.counters.assigned(assignment);
    emitEvaluation(scope, assignment, "unknown");
    return variant;
  }

  /** Whether a key can be asked for. @throws ExperimentUsageError in strict mode */
  checkKey(key: unknown): boolean {
    const { registry } = this.options;
    if (registry === undefined) {
      return isExperimentKey(key) || this.mistake("ERR_BAD_NAME", `the key ${show(key)} is not ${KEY_RULE}`);
    }
    if (typeof key === "string" && registry.has(key)) return true;
    const keys = [...registry.keys()].join(", ");
    return this.mistake("ERR_UNKNOWN_EXPERIMENT", `there is no experiment ${show(key)}; declared are ${keys}`);
  }

  #checkVariant(key: string, variant: unknown): boolean {
    const declared = this.options.registry?.get(key);
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
