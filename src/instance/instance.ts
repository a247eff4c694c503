import type { Context } from "@opentelemetry/api";
import { type Catalog, catalogOf } from "../assignment/catalog.ts";
import { compileRegistry } from "../assignment/registry.ts";
import { warnOnce } from "../checks/diagnostics.ts";
import { type MistakeReporter, mistakeReporter } from "../checks/mistakes.ts";
import type { CompiledFields } from "../fields/compiled-fields.ts";
import type { EgressPolicy, StopHold } from "../policy/egress-policy.ts";
import { currentScope } from "../scope/finding.ts";
import { RequestScope, type ScopeOwner } from "../scope/request-scope.ts";
import { ExperimentCounters } from "../telemetry/counters.ts";
import { Meters } from "../telemetry/meters.ts";
import { missRequest } from "./first-hour.ts";
import { type CompiledOptions, requirePrimary } from "./options.ts";

/** The state and parts behind one call of `createExperiments`, until it is closed. */
export class Instance implements ScopeOwner {
  readonly options: CompiledOptions;
  readonly stop: StopHold;
  readonly counters: ExperimentCounters = new ExperimentCounters();
  readonly meters: Meters = new Meters((active) => currentScope(this, active));
  /** Reports a mistake of the programmer. @throws ExperimentUsageError in strict mode */
  readonly report: MistakeReporter;
  /** The scope of code outside a request: always empty. */
  readonly emptyScope: RequestScope;
  #catalog: Catalog;
  #closed = false;
  /** Whether an adapter was made for it, or a message was run. */
  isMounted = false;
  /** Whether code or an adapter assigns or records variants. */
  assigns = false;
  readonly #closing = new Set<() => void>();

  /** @param stop the hold on the process-wide stop, let go when the instance is closed */
  constructor(options: CompiledOptions, stop: StopHold) {
    this.options = options;
    this.stop = stop;
    this.report = mistakeReporter(options.strict);
    this.#catalog = catalogOf(options.registry, options.reader.prefix);
    this.emptyScope = new RequestScope(this, undefined);
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

  get storesVariants(): boolean {
    return this.options.store !== undefined;
  }

  /** The currently declared experiments. */
  get catalog(): Catalog {
    return this.#catalog;
  }

  /** Running requests keep their assignments; new ones use the new registry. @throws ExperimentConfigError */
  replace(registry: unknown): void {
    const { prefix } = this.options.reader;
    const compiled = compileRegistry(registry, prefix);
    requirePrimary(this.primary, compiled);
    this.#catalog = catalogOf(compiled, prefix);
  }

  /** The scope of the running code; the empty one outside a request. */
  current(active?: Context): RequestScope {
    return currentScope(this, active) ?? this.emptyScope;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Calls `undo` when the instance is closed, or at once if it is closed already. The result calls `undo` earlier.
   *
   * @param undo idempotent
   */
  beforeClose(undo: () => void): () => void {
    if (this.#closed) undo();
    else this.#closing.add(undo);
    return () => {
      this.#closing.delete(undo);
      undo();
    };
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const undo of this.#closing) undo();
    this.#closing.clear();
    this.stop.letGo();
  }
}

/** Not by `instanceof`: the scope may be another copy's of the package, which has a class of its own. */
export function isInstance(owner: ScopeOwner): owner is Instance {
  return "options" in owner;
}

/** Whether a call runs outside a request, where it has no effect. Warns, at most once a minute. */
export function isEmptyScope(instance: Instance, scope: RequestScope, call: string, consequence: string): boolean {
  if (scope !== instance.emptyScope) return false;
  missRequest(instance, call);
  warnOnce("no-scope", `${call} was called outside a request and ${consequence}; call it behind the middleware`);
  return true;
}

/** True also for an experiment of the request that is no longer declared. @throws ExperimentUsageError in strict mode */
export function isKnownKey({ catalog, report }: Instance, scope: RequestScope, key: string): boolean {
  return scope.find(key) !== undefined || catalog.checkKey(key, report);
}
