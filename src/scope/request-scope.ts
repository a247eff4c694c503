import type { Attributes, Span } from "@opentelemetry/api";
import { type Assignment, type CompiledAssignment, NO_ASSIGNMENT_PAIR } from "../assignment/assignment.ts";
import { advise } from "../checks/diagnostics.ts";
import { isThenable } from "../checks/thenable.ts";
import type { CompiledFields } from "../fields/compiled-fields.ts";
import type { HttpExchange } from "../http/shapes.ts";
import type { ServedRequest } from "../http-spans/served-request.ts";
import type { EgressPolicy } from "../policy/egress-policy.ts";
import type { ExperimentCounters } from "../telemetry/counters.ts";
import type { ConversionOptions } from "./conversion-options.ts";
import { fitFields, fitOwnMembers } from "./own-budget.ts";
import type { AssignOptions, Scope } from "./public-scope.ts";
import { ScopeFields } from "./scope-fields.ts";
import { ScopeOutcomes } from "./scope-outcomes.ts";

/** Own members as they leave: whole experiments, the most important first, then fields. */
export interface OwnMembersText {
  readonly text: string;
  /** What is kept or left out whole. */
  readonly parts: readonly string[];
}

/** The own members of a scope without an assignment and without a field. */
export const OWN_NOTHING: OwnMembersText = Object.freeze({ text: "", parts: Object.freeze([]) });

/** What a scope asks of the instance that it belongs to. */
export interface ScopeOwner {
  readonly primary: string | undefined;
  readonly policy: EgressPolicy;
  readonly counters: ExperimentCounters;
  /** The fields that are declared. */
  readonly fields: CompiledFields;
  /** @throws ExperimentUsageError in strict mode */
  checkField(name: string): boolean;
  /** @throws ExperimentUsageError in strict mode */
  setField(scope: RequestScope, name: string, value: unknown): boolean;
  /** @throws ExperimentUsageError in strict mode */
  checkKey(key: string): boolean;
  /** @throws ExperimentUsageError in strict mode */
  record(scope: RequestScope, key: string, variant: string): string | undefined;
  /** @throws ExperimentUsageError in strict mode, at once */
  assign(
    scope: RequestScope,
    key: string,
    subject: string | null | undefined,
    options: AssignOptions | undefined,
  ): Promise<string | undefined>;
  /** @throws ExperimentUsageError in strict mode */
  expose(scope: RequestScope, key: string): void;
  /** @throws ExperimentUsageError in strict mode */
  convert(scope: RequestScope, name: string, options: ConversionOptions | undefined): void;
}

/** The scope of one request and one instance. Several instances on one request form a chain, the latest first. */
export class RequestScope implements Scope {
  static {
    // What the console calls (util.inspect.custom), which shows neither private fields nor accessors. A method with a
    // computed name has no declaration without its inferred type.
    Object.defineProperty(this.prototype, Symbol.for("nodejs.util.inspect.custom"), {
      value(this: RequestScope) {
        return this.toJSON();
      },
    });
  }

  readonly #owner: ScopeOwner;
  readonly #outer: RequestScope | undefined;
  #ended = false;
  #ticket: string | undefined;
  #compiled: readonly CompiledAssignment[] = [];
  #assignments: readonly Assignment[] | undefined;
  #flat: CompiledAssignment | undefined;
  #serverSpan: Span | undefined;
  #tagged = 0;
  #own: OwnMembersText | undefined = OWN_NOTHING;
  #served: ServedRequest | undefined;
  /** Whether there was nothing to claim when the request came in; it may come later. */
  lacksServerSpan = false;
  #notes: Attributes | undefined;
  #outcomes: ScopeOutcomes | undefined;
  #undecided: Map<string, Promise<string | undefined>> | undefined;
  #fields: ScopeFields | undefined;
  #exchange: HttpExchange | undefined;

  constructor(owner: ScopeOwner, outer: RequestScope | undefined) {
    this.#owner = owner;
    this.#outer = outer;
  }

  get owner(): ScopeOwner {
    return this.#owner;
  }

  get outer(): RequestScope | undefined {
    return this.#outer;
  }

  /** The request and its response, where the scope is that of one. Hidden, so that who prints a scope prints no sockets. */
  get exchange(): HttpExchange | undefined {
    return this.#exchange;
  }

  set exchange(exchange: HttpExchange) {
    this.#exchange = exchange;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Once the response is over, nothing is written to the server span; the scope still propagates. Idempotent. */
  end(): void {
    this.#ended = true;
  }

  /** What we measure of the request ourselves, for whichever instance. */
  get served(): ServedRequest | undefined {
    return this.#served ?? this.#outer?.served;
  }

  /** Takes the request over from a server without an HTTP instrumentation; its span is that of the outer scopes too. */
  serve(served: ServedRequest): void {
    this.#served = served;
    const { span } = served;
    if (span === undefined) return;
    for (let scope: RequestScope | undefined = this; scope !== undefined; scope = scope.outer) {
      if (!scope.hasServerSpan) scope.claim(span);
    }
  }

  /** What outgoing requests carry in the scope's place; `make` is called for the first one. */
  ticket(make: () => string): string {
    this.#ticket ??= make();
    return this.#ticket;
  }

  get assignments(): readonly Assignment[] {
    this.#assignments ??= Object.freeze(this.#compiled.map(({ assignment }) => assignment));
    return this.#assignments;
  }

  /** The assignments with everything that is written of them. */
  get compiled(): readonly CompiledAssignment[] {
    return this.#compiled;
  }

  /** It stands among what frameworks serialize, such as `res.locals`. */
  toJSON(): Pick<Scope, "assignments" | "attributes"> {
    return { assignments: this.assignments, attributes: this.attributes };
  }

  get attributes(): Attributes {
    return this.#flat === undefined ? NO_ASSIGNMENT_PAIR : this.#flat.metricPair;
  }

  variant(key: string): string | undefined {
    const assignment = this.find(key);
    if (assignment === undefined) this.#owner.checkKey(key);
    return assignment?.variant;
  }

  record(key: string, variant: string): string | undefined {
    return this.#owner.record(this, key, variant);
  }

  assign(key: string, subject: string | null | undefined, options?: AssignOptions): Promise<string | undefined> {
    return this.#owner.assign(this, key, subject, options);
  }

  use(key: string): string | undefined {
    const variant = this.variant(key);
    if (variant !== undefined) this.#owner.expose(this, key);
    return variant;
  }

  expose(key: string): void {
    this.#owner.expose(this, key);
  }

  convert(name: string, options?: ConversionOptions): void {
    this.#owner.convert(this, name, options);
  }

  get outcomes(): ScopeOutcomes {
    this.#outcomes ??= new ScopeOutcomes();
    return this.#outcomes;
  }

  /** Decides once for all who ask while it is not decided. */
  decideOnce(key: string, decide: () => string | undefined | Promise<string | undefined>): Promise<string | undefined> {
    const standing = this.#undecided?.get(key);
    if (standing !== undefined) return standing;
    const decision = decide();
    if (!isThenable(decision)) return Promise.resolve(decision);
    const undecided = (this.#undecided ??= new Map());
    const decided = decision.finally(() => undecided.delete(key));
    undecided.set(key, decided);
    return decided;
  }

  get fields(): ScopeFields {
    this.#fields ??= new ScopeFields(this);
    return this.#fields;
  }

  /** Undefined where there is no field, so that a request without costs nothing. */
  get knownFields(): ScopeFields | undefined {
    return this.#fields;
  }

  /** Writes to the server span what a field has become, and what is passed on anew. */
  fieldsChanged(attributes: Attributes | undefined): void {
    this.#own = undefined;
    if (attributes !== undefined) this.annotate(attributes);
  }

  find(key: string): CompiledAssignment | undefined {
    return this.#compiled.find((assignment) => assignment.key === key);
  }

  /** Adds what is new; an experiment that the scope knows keeps its assignment. */
  add(assignments: readonly CompiledAssignment[]): void {
    const added = assignments.filter((assignment) => this.find(assignment.key) === undefined);
    if (added.length === 0) return;
    this.#compiled = this.#compiled.length === 0 ? added : [...this.#compiled, ...added];
    this.#assignments = undefined;
    this.#own = undefined;
    this.#flat ??= this.#chooseFlat();
    this.tag();
  }

  /** The assignment whose pair stands alone, as decided. */
  get flat(): CompiledAssignment | undefined {
    return this.#flat;
  }

  /** The experiment whose pair stands alone where there is room for one only; it never changes once it is known. */
  #chooseFlat(): CompiledAssignment | undefined {
    const { primary } = this.#owner;
    if (primary !== undefined) return this.find(primary);
    const [first, ...others] = this.#compiled;
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

  /** Writes to the server span what is no assignment; also to one that is found later. */
  annotate(attributes: Attributes): void {
    this.#notes = { ...this.#notes, ...attributes };
    this.tag();
  }

  get serverSpan(): Span | undefined {
    return this.#serverSpan;
  }

  get hasServerSpan(): boolean {
    return this.#serverSpan !== undefined;
  }

  tag(): void {
    const span = this.#serverSpan;
    if (span === undefined || this.#ended) return;
    try {
      // OpenTelemetry may end the span before the response emits its last events.
      if (!span.isRecording()) return;
      for (; this.#tagged < this.#compiled.length; this.#tagged++) {
        const assignment = this.#compiled[this.#tagged];
        if (assignment === undefined) continue;
        const isFlat = assignment === this.#flat;
        span.setAttributes(isFlat ? assignment.spanAttributes : assignment.keyedAttributes);
      }
      if (this.#notes !== undefined) span.setAttributes(this.#notes);
      this.#notes = undefined;
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
    const experiments = this.#fitExperiments();
    const fields = this.#fields?.members ?? [];
    if (fields.length === 0) return experiments.length === 0 ? OWN_NOTHING : ownText(experiments);
    const { kept, leftOut } = fitFields(fields, ownText(experiments).text.length);
    if (leftOut > 0) this.#owner.counters.reject("over_limit", leftOut);
    return ownText([...experiments, ...kept]);
  }

  #fitExperiments(): readonly string[] {
    const [only, ...others] = this.#compiled;
    if (only === undefined) return [];
    if (others.length === 0) return [only.members];
    const { kept, leftOut } = fitOwnMembers(this.#compiled, this.#owner.primary);
    if (leftOut > 0) this.#owner.counters.reject("over_limit", leftOut);
    return kept.map((assignment) => assignment.members);
  }
}

function ownText(parts: readonly string[]): OwnMembersText {
  return { text: parts.join(","), parts };
}
