import type { Attributes, Context, Span } from "@opentelemetry/api";
import { type Assignment, type CompiledAssignment, NO_ASSIGNMENT_PAIR } from "../assignment/assignment.ts";
import type { SubjectAttributes } from "../assignment/definition.ts";
import { isThenable } from "../checks/thenable.ts";
import type { CompiledFields } from "../fields/compiled-fields.ts";
import type { HttpExchange, RequestOutcome } from "../http/shapes.ts";
import type { EgressPolicy } from "../policy/egress-policy.ts";
import type { ExperimentCounters } from "../telemetry/counters.ts";
import { EMPTY_LINE, formatOwnLine, type OwnLine } from "./own-line.ts";
import type { Scope } from "./public-scope.ts";
import { ScopeAssignments } from "./scope-assignments.ts";
import { ScopeFields } from "./scope-fields.ts";
import { ScopeOutcomes } from "./scope-outcomes.ts";
import { ServerSpanRecord } from "./server-span-record.ts";

/** The part of an instance that its scopes use. */
export interface ScopeOwner {
  readonly primary: string | undefined;
  readonly policy: EgressPolicy;
  readonly counters: ExperimentCounters;
  /** The declared fields. */
  readonly fields: CompiledFields;
  /** Whether a store is asked for variants; a store may read the request and the response. */
  readonly storesVariants: boolean;
}

/** A request without an HTTP instrumentation, which the package measures. Nothing here throws. */
export interface SelfMeasured {
  /** The request's SERVER span: the package's or the framework plugin's. */
  readonly span: Span | undefined;
  /** Runs code in the context of the span. */
  within<T>(fn: () => T): T;
  /** Replaces the context of the request by a cleaned one. */
  refine(cleaned: (served: Context) => Context): void;
  /** Idempotent; the first outcome wins. */
  end(outcome: RequestOutcome): void;
}

/** Whom a request is from. The application's functions are called on first use, once each. Nothing here throws. */
export interface Visitor {
  /** The options that tell it. */
  readonly by: object;
  /** Settles when the experiments of the option `assign` are decided; undefined if there is nothing to wait for. */
  readonly assigned: Promise<void> | undefined;
  /** Undefined if there is no subject. A promise only if the application's function gives one; it never rejects. */
  subject(): string | undefined | Promise<string | undefined>;
  /** For targeting and assigners; undefined if they could not be had. The promise never rejects. */
  attributes(): SubjectAttributes | undefined | Promise<SubjectAttributes | undefined>;
}

/** How long, in ms, work that follows a response, or the end of a job, still belongs to it. */
const LATE_WORK_MS = 30_000;

/** What few requests have. It stands apart, since each request's scope lives as long as its span waits for its export. */
class RareParts {
  around: RequestScope | undefined;
  exchange: HttpExchange | undefined;
  visitor: Visitor | undefined;
  undecided: Map<string, Promise<string | undefined>> | undefined;
  outcomes: ScopeOutcomes | undefined;
  fields: ScopeFields | undefined;
  selfMeasured: SelfMeasured | undefined;
}

const NO_ASSIGNMENTS: readonly never[] = Object.freeze([]);

/**
 * The state of one request, message or job in one instance. The scopes of several instances on one request form a chain,
 * the latest first. The parts are made on first use, since most requests need few of them.
 */
export class RequestScope {
  readonly #owner: ScopeOwner;
  readonly #outer: RequestScope | undefined;
  #endedAt: number | undefined;
  #lacksServerSpan = false;
  /** Whether it has own members that came with its request. */
  hasReceived = false;
  #face: Scope | undefined;
  #assignments: ScopeAssignments | undefined;
  #serverSpan: ServerSpanRecord | undefined;
  #own: OwnLine | undefined = EMPTY_LINE;
  #rare: RareParts | undefined;

  constructor(owner: ScopeOwner, outer: RequestScope | undefined) {
    this.#owner = owner;
    this.#outer = outer;
  }

  get owner(): ScopeOwner {
    return this.#owner;
  }

  /** The scope of another instance on the same request or message; undefined once that one is over. */
  get outer(): RequestScope | undefined {
    return this.#outer?.isOver === true ? undefined : this.#outer;
  }

  get ended(): boolean {
    return this.#endedAt !== undefined;
  }

  /**
   * After this, nothing is written to the server span. The scope still counts for late work, until it is over.
   * Idempotent.
   */
  end(): void {
    this.#endedAt ??= performance.now();
  }

  /**
   * Whether the scope has ended longer ago than late work may take. It then counts for nothing: a timer that the request
   * happened to start may go on for ever.
   */
  get isOver(): boolean {
    if (this.#endedAt === undefined || performance.now() - this.#endedAt <= LATE_WORK_MS) return false;
    if (this.#rare !== undefined) {
      this.#rare.exchange = undefined;
      this.#rare.visitor = undefined;
      this.#rare.around = undefined;
    }
    return true;
  }

  #rarely(): RareParts {
    this.#rare ??= new RareParts();
    return this.#rare;
  }

  /** The scope of the code that injected the request, as with `app.inject`; undefined for other requests. */
  get around(): RequestScope | undefined {
    return this.#rare?.around;
  }

  set around(scope: RequestScope | undefined) {
    if (scope !== undefined) this.#rarely().around = scope;
  }

  /** The request and its response, for a store; undefined without one, for a message or a job, and when the scope is over. */
  get exchange(): HttpExchange | undefined {
    return this.#rare?.exchange;
  }

  set exchange(exchange: HttpExchange) {
    if (this.#owner.storesVariants) this.#rarely().exchange = exchange;
  }

  /** Whom the request is from, by the options of the adapter that was mounted last; undefined without these options. */
  get visitor(): Visitor | undefined {
    return this.#rare?.visitor;
  }

  set visitor(visitor: Visitor) {
    this.#rarely().visitor = visitor;
  }

  /** The public object of the scope, made on first use. */
  face(make: (scope: RequestScope) => Scope): Scope {
    this.#face ??= make(this);
    return this.#face;
  }

  get assignments(): readonly Assignment[] {
    return this.#assignments === undefined ? NO_ASSIGNMENTS : this.#assignments.listed;
  }

  /** The assignments with their formatted members and attributes. */
  get compiled(): readonly CompiledAssignment[] {
    return this.#assignments === undefined ? NO_ASSIGNMENTS : this.#assignments.compiled;
  }

  /** The assignment of the flat pair; it never changes once it is known. */
  get flat(): CompiledAssignment | undefined {
    return this.#assignments?.flat;
  }

  /** The bounded flat pair of measurements. */
  get attributes(): Attributes {
    return this.#assignments === undefined ? NO_ASSIGNMENT_PAIR : this.#assignments.metricPair;
  }

  find(key: string): CompiledAssignment | undefined {
    return this.#assignments?.find(key);
  }

  /** Adds assignments, except those of experiments that already have one in this scope. */
  add(assignments: readonly CompiledAssignment[]): void {
    const standing = this.#assignments;
    const added =
      standing === undefined ? assignments : assignments.filter(({ key }) => standing.find(key) === undefined);
    if (added.length === 0) return;
    const { primary } = this.#owner;
    if (standing === undefined) this.#assignments = new ScopeAssignments(added, primary);
    else standing.add(added, primary);
    this.#own = undefined;
    this.#writeToSpan();
  }

  /** Decides an experiment; calls during a decision under way share its result. A promise only if `decide` gives one. */
  decideOnce(
    key: string,
    decide: () => string | undefined | Promise<string | undefined>,
  ): string | undefined | Promise<string | undefined> {
    const standing = this.#rare?.undecided?.get(key);
    if (standing !== undefined) return standing;
    const decision = decide();
    if (!isThenable(decision)) return decision;
    const undecided = (this.#rarely().undecided ??= new Map());
    const decided = decision.finally(() => undecided.delete(key));
    undecided.set(key, decided);
    return decided;
  }

  /** Whether an experiment's decision is under way. */
  isDeciding(key: string): boolean {
    return this.#rare?.undecided?.has(key) === true;
  }

  get outcomes(): ScopeOutcomes {
    return (this.#rarely().outcomes ??= new ScopeOutcomes());
  }

  /** Undefined if no field has a value. */
  get knownFields(): ScopeFields | undefined {
    return this.#rare?.fields;
  }

  get fields(): ScopeFields {
    return (this.#rarely().fields ??= new ScopeFields(this.#owner.fields, (written) => {
      this.#own = undefined;
      if (written !== undefined) this.annotate(written);
    }));
  }

  get serverSpan(): Span | undefined {
    return this.#serverSpan?.span;
  }

  /** Sets the server span, and writes to it everything that is not on it yet. */
  claim(span: Span): void {
    this.#serverSpan ??= new ServerSpanRecord();
    this.#serverSpan.claim(span);
    this.#writeToSpan();
  }

  /** Writes attributes to the server span, also if it is claimed later. */
  annotate(attributes: Attributes): void {
    this.#serverSpan ??= new ServerSpanRecord();
    this.#serverSpan.annotate(attributes);
    this.#writeToSpan();
  }

  #writeToSpan(): void {
    if (!this.ended) this.#serverSpan?.write(this.#assignments);
  }

  /** Whether no server span was found when the request came in, nor since. */
  get lacksServerSpan(): boolean {
    return this.#lacksServerSpan && this.serverSpan === undefined;
  }

  missServerSpan(): void {
    this.#lacksServerSpan = true;
  }

  /** The package's measurement of the request, which all instances share; undefined if an instrumentation measures it. */
  get selfMeasured(): SelfMeasured | undefined {
    return this.#rare?.selfMeasured ?? this.#outer?.selfMeasured;
  }

  /** Sets the package's measurement. Its span becomes the server span of the outer scopes too, if they have none. */
  measureSelf(request: SelfMeasured): void {
    this.#rarely().selfMeasured = request;
    const { span } = request;
    if (span === undefined) return;
    for (let scope: RequestScope | undefined = this; scope !== undefined; scope = scope.outer) {
      if (scope.serverSpan === undefined) scope.claim(span);
    }
  }

  /** The own members to send, formatted once per change. Members over the budget are counted as rejected then. */
  get own(): OwnLine {
    const { primary, counters } = this.#owner;
    this.#own ??= formatOwnLine(this.compiled, this.#rare?.fields?.members ?? [], primary, (members) =>
      counters.reject("over_limit", members),
    );
    return this.#own;
  }
}
