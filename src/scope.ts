import { randomUUID } from "node:crypto";
import { type Attributes, type Context, context, type Span } from "@opentelemetry/api";
import { getRPCMetadata } from "@opentelemetry/core";
import { type Assignment, type CompiledAssignment, NO_ASSIGNMENT_PAIR } from "./assignment/assignment.ts";
import type { ExperimentKey, Registry, VariantOf } from "./assignment/registry.ts";
import type { Instance } from "./instance.ts";
import { processState } from "./process-state.ts";
import { fitOwnMembers } from "./propagation/own-budget.ts";
import { advise } from "./telemetry/diagnostics.ts";

/** What one request knows of experiments. Outside a request it is empty and stays so. */
export interface Scope<R extends Registry = Registry> {
  /** In the order in which they became known. Assignments are added, never changed. */
  readonly assignments: readonly Assignment[];
  /**
   * The flat pair `experiment.id` and `experiment.variant` with the bounded values of measurements: `none` without an
   * assignment or where it is forced, `other` where it would add a series beyond the bounds.
   */
  readonly attributes: Attributes;
  /**
   * The variant that the request has, without any side effect. From a trusted caller it can be one that the registry
   * does not list.
   */
  variant<K extends ExperimentKey<R>>(key: K): VariantOf<R, K> | undefined;
  /**
   * Notes a variant that was decided elsewhere. An assignment that the request has already stands; the result is the
   * variant that counts, or undefined where none could be noted.
   */
  record<K extends ExperimentKey<R>>(key: K, variant: VariantOf<R, K>): VariantOf<R, K> | undefined;
}

/** Where a scope is noted on a request and on the server span, to be found again where async context is gone. */
const SCOPE = Symbol.for("otel-experiments.scope.v1");

interface ScopeHolder {
  [SCOPE]?: RequestScope;
}

/** Own members as they leave: whole experiments, the most important first. */
export interface OwnMembersText {
  readonly text: string;
  readonly experiments: readonly string[];
}

/** The own members of a scope without an assignment. */
export const OWN_NOTHING: OwnMembersText = Object.freeze({ text: "", experiments: Object.freeze([]) });

/** The scope of one request and one instance. Several instances on one request form a chain, the latest first. */
export class RequestScope implements Scope {
  readonly owner: Instance;
  readonly outer: RequestScope | undefined;
  /** Once the response is over, nothing is written to the server span; the scope still propagates. */
  ended = false;
  #assignments: readonly CompiledAssignment[] = [];
  #flat: CompiledAssignment | undefined;
  #serverSpan: Span | undefined;
  #tagged = 0;
  #own: OwnMembersText | undefined = OWN_NOTHING;
  #ticket: string | undefined;

  constructor(owner: Instance, outer: RequestScope | undefined) {
    this.owner = owner;
    this.outer = outer;
  }

  get assignments(): readonly CompiledAssignment[] {
    return this.#assignments;
  }

  get attributes(): Attributes {
    return this.#flat === undefined ? NO_ASSIGNMENT_PAIR : this.#flat.metricPair;
  }

  variant(key: string): string | undefined {
    const assignment = this.find(key);
    if (assignment === undefined) this.owner.checkKey(key);
    return assignment?.variant;
  }

  record(key: string, variant: string): string | undefined {
    return this.owner.record(this, key, variant);
  }

  find(key: string): CompiledAssignment | undefined {
    return this.#assignments.find((assignment) => assignment.key === key);
  }

  /** Adds what is new; an experiment that the scope knows keeps its assignment. */
  add(assignments: readonly CompiledAssignment[]): void {
    const added = assignments.filter((assignment) => this.find(assignment.key) === undefined);
    if (added.length === 0) return;
    this.#assignments = this.#assignments.length === 0 ? added : [...this.#assignments, ...added];
    this.#own = undefined;
    this.#flat ??= this.#chooseFlat();
    this.tag();
  }

  /** The experiment whose pair stands alone where there is room for one only; it never changes once it is known. */
  #chooseFlat(): CompiledAssignment | undefined {
    const { primary } = this.owner.options;
    if (primary !== undefined) return this.find(primary);
    const [first, ...others] = this.#assignments;
    if (first === undefined || others.length === 0) return first;
    advise(
      "ambiguous-primary",
      'a request has several experiments and no option says which one measurements show; set primary, or make the meter with attribution: "each"',
    );
    return others.reduce((least, other) => (other.key < least.key ? other : least), first);
  }

  /** Takes the request's server span, and writes to it what it does not have yet. */
  claim(span: Span): void {
    this.#serverSpan = span;
    this.tag();
  }

  get hasServerSpan(): boolean {
    return this.#serverSpan !== undefined;
  }

  tag(): void {
    const span = this.#serverSpan;
    if (span === undefined || this.ended) return;
    try {
      // OpenTelemetry may end the span before the response emits its last events.
      if (!span.isRecording()) return;
      for (; this.#tagged < this.#assignments.length; this.#tagged++) {
        const assignment = this.#assignments[this.#tagged];
        if (assignment === undefined) continue;
        const isFlat = assignment === this.#flat;
        span.setAttributes(isFlat ? assignment.spanAttributes : assignment.keyedAttributes);
      }
    } catch (error) {
      advise("span", "the server span refused the attributes", error);
    }
  }

  /** Formatted once per change. What is over the budget is counted then. */
  get own(): OwnMembersText {
    this.#own ??= this.#formatOwn();
    return this.#own;
  }

  #formatOwn(): OwnMembersText {
    const [only, ...others] = this.#assignments;
    if (only === undefined) return OWN_NOTHING;
    if (others.length === 0) return { text: only.members, experiments: [only.members] };
    const { kept, leftOut } = fitOwnMembers(this.#assignments, this.owner.options.primary);
    if (leftOut > 0) this.owner.counters.reject("over_limit", leftOut);
    const experiments = kept.map((assignment) => assignment.members);
    return { text: experiments.join(","), experiments };
  }

  /** What an outgoing request carries in place of the scope until it is written; nobody outside can guess it. */
  get ticket(): string {
    if (this.#ticket === undefined) {
      this.#ticket = randomUUID();
      processState().tickets.set(this.#ticket, new WeakRef(this));
      expiredTickets.register(this, this.#ticket);
    }
    return this.#ticket;
  }
}

const expiredTickets: FinalizationRegistry<string> = new FinalizationRegistry((ticket) => {
  processState().tickets.delete(ticket);
});

/** Notes a scope on a request or a span. An object that takes no properties is passed over. */
export function attachScope(target: object, scope: RequestScope): void {
  const holder: ScopeHolder = target;
  try {
    holder[SCOPE] = scope;
  } catch {
    // A frozen span finds its scope through the async context alone.
  }
}

/** The latest scope noted on an object, of whichever instance. */
export function attachedScope(target: object): RequestScope | undefined {
  const holder: ScopeHolder = target;
  return holder[SCOPE];
}

/** The scope of one instance in a chain. */
export function scopeOwnedBy(owner: Instance, scope: RequestScope | undefined): RequestScope | undefined {
  let candidate = scope;
  while (candidate !== undefined && candidate.owner !== owner) candidate = candidate.outer;
  return candidate;
}

/** The scope of the code that runs: by our own async context, else by the server span that OpenTelemetry has in its. */
export function currentScope(owner: Instance, active?: Context): RequestScope | undefined {
  const stored = processState().scopes.getStore();
  if (stored !== undefined) return scopeOwnedBy(owner, stored);
  const span = getRPCMetadata(active ?? context.active())?.span;
  return span === undefined ? undefined : scopeOwnedBy(owner, attachedScope(span));
}
