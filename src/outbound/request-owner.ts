import { attempt } from "../checks/diagnostics.ts";
import type { LineWriter } from "../propagation/outgoing-baggage.ts";
import type { RequestScope } from "../scope/request-scope.ts";
import { writingPolicies } from "./all-clients.ts";
import { rebuildScope } from "./rebuilt-scope.ts";
import { linesOfTickets } from "./tickets.ts";
import type { UnmarkedCall } from "./unmarked-call.ts";

/** How the code that made a request is found. */
export interface Finders {
  /** The latest scope of that code; undefined if unknown. */
  scope(): RequestScope | undefined;
  /** The unmarked calls of wrapped clients that made the request. */
  readonly calls: readonly UnmarkedCall[];
  /** Whether others who have other members share the answer: then only a wrapped client writes, which knows more. */
  readonly isShared?: boolean;
}

/** The scopes of an outgoing request. They are looked for once, on first use. */
export class RequestOwner {
  readonly #ticketed: readonly LineWriter[];
  readonly #calls: readonly UnmarkedCall[];
  /** What unmarked calls write. */
  readonly #callScopes: readonly RequestScope[];
  /** What wrapped clients write. */
  readonly #wrapped: readonly LineWriter[];
  readonly #finders: Finders;
  #isFound = false;
  #found: RequestScope | undefined;
  #writers: readonly LineWriter[] | undefined;

  /** @param tickets the request's `TICKET_HEADER` lines */
  constructor(tickets: readonly string[], finders: Finders) {
    const { calls } = finders;
    this.#finders = finders;
    this.#ticketed = linesOfTickets(tickets);
    this.#calls = calls;
    this.#callScopes = calls.length === 0 ? NO_SCOPES : this.#writersOf(calls);
    this.#wrapped = this.#callScopes.length === 0 ? this.#ticketed : [...this.#callScopes, ...this.#ticketed];
  }

  /** The scope of the request: that of the wrapped client, else the latest of the calling code; undefined if unknown. */
  get scope(): RequestScope | undefined {
    const latest = this.#latest;
    if (this.#wrapped.length === 0 || this.#countWrapped(latest) === this.#wrapped.length) return latest;
    return this.#callScopes.at(-1) ?? this.#ticketed.reduce<RequestScope | undefined>(rebuildScope, undefined);
  }

  /** The scopes that write: first those of instances that write for all clients, then those of wrapped clients. */
  get writers(): readonly LineWriter[] {
    this.#writers ??= this.#chooseWriters();
    return this.#writers;
  }

  #chooseWriters(): readonly LineWriter[] {
    const writing = writingPolicies();
    // A wrapped client has written the members of all instances that write for all clients.
    if (writing.size === 0 || this.#finders.isShared === true || this.#ticketed.length > 0) return this.#wrapped;
    const calls = this.#callScopes;
    const others: RequestScope[] = [];
    let found = 0;
    for (let scope = this.#latest; scope !== undefined; scope = scope.outer) {
      if (calls.includes(scope)) found++;
      else if (scope.own.text !== "" && writing.has(scope.owner.policy)) others.push(scope);
    }
    // If the async scope's chain lacks the scope of a call, that context is another request's: ignore it.
    if (others.length === 0 || found < calls.length) return calls;
    return others.length === 1 && calls.length === 0 ? others : [...others.toReversed(), ...calls];
  }

  #writersOf(calls: readonly UnmarkedCall[]): readonly RequestScope[] {
    return calls.flatMap(({ writer }) =>
      writer === undefined || this.#ticketed.some(({ owner }) => owner === writer.owner) ? [] : [writer],
    );
  }

  /** How many of the lines of wrapped clients are those of a chain's scopes. */
  #countWrapped(latest: RequestScope | undefined): number {
    let count = 0;
    for (let scope = latest; scope !== undefined; scope = scope.outer) {
      for (const { owner, own } of this.#wrapped) if (owner === scope.owner && own.text === scope.own.text) count++;
    }
    return count;
  }

  /** Whether a wrapped client made the request. Then only the writers' policies are consulted about foreign members. */
  get isWrapped(): boolean {
    return this.#wrapped.length > 0;
  }

  /** To be called once own members have been written. */
  noteWritten(): void {
    for (const call of this.#calls) if (call.writer !== undefined) call.writes();
  }

  get #latest(): RequestScope | undefined {
    if (!this.#isFound) {
      this.#isFound = true;
      const found = attempt("egress", NOT_FOUND, () => this.#finders.scope());
      // A queue or a retry may have kept it for long.
      this.#found = found?.isOver === true ? undefined : found;
    }
    return this.#found;
  }
}

const NO_SCOPES: readonly RequestScope[] = Object.freeze([]);

const NOT_FOUND = "the scope of an outgoing request could not be found";
