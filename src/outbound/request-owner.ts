import { attempt } from "../checks/diagnostics.ts";
import type { EgressPolicy } from "../policy/egress-policy.ts";
import type { RequestScope } from "../scope/request-scope.ts";
import { writingPolicies } from "./all-clients.ts";
import { redeemTickets } from "./tickets.ts";

/** The scopes of an outgoing request. They are looked for once, on first use. */
export class RequestOwner {
  readonly #ticketed: readonly RequestScope[];
  readonly #find: () => RequestScope | undefined;
  #isFound = false;
  #found: RequestScope | undefined;
  #writers: readonly RequestScope[] | undefined;

  /**
   * @param tickets the request's `TICKET_HEADER` lines
   * @param find gives the latest scope of the code that made the request; undefined if unknown
   */
  constructor(tickets: readonly string[], find: () => RequestScope | undefined) {
    this.#ticketed = redeemTickets(tickets);
    this.#find = find;
  }

  /** The scope of the request: of the last ticket, else the latest of the calling code; undefined if there is none. */
  get scope(): RequestScope | undefined {
    return this.#ticketed.at(-1) ?? this.#latest;
  }

  /** The scopes that write: first those of instances that write for all clients, then those of the tickets. */
  get writers(): readonly RequestScope[] {
    this.#writers ??= this.#chooseWriters();
    return this.#writers;
  }

  #chooseWriters(): readonly RequestScope[] {
    const writing = writingPolicies();
    const ticketed = this.#ticketed;
    if (writing.size === 0 || this.#holdsTicketsOf(writing.keys())) return ticketed;
    const others: RequestScope[] = [];
    let found = 0;
    for (let scope = this.#latest; scope !== undefined; scope = scope.outer) {
      if (ticketed.includes(scope)) found++;
      else if (scope.own.text !== "" && writing.has(scope.owner.policy)) others.push(scope);
    }
    // Tickets win. If the async scope's chain lacks a ticketed scope, that context is another request's: ignore it.
    return others.length === 0 || found < ticketed.length ? ticketed : [...others.toReversed(), ...ticketed];
  }

  /** Whether the request has a scope's ticket. Then only the writers' policies are consulted about foreign members. */
  get isWrapped(): boolean {
    return this.#ticketed.length > 0;
  }

  #holdsTicketsOf(policies: Iterable<EgressPolicy>): boolean {
    if (this.#ticketed.length === 0) return false;
    for (const policy of policies) {
      if (!this.#ticketed.some(({ owner }) => owner.policy === policy)) return false;
    }
    return true;
  }

  get #latest(): RequestScope | undefined {
    if (!this.#isFound) {
      this.#isFound = true;
      const found = attempt("egress", "the scope of an outgoing request could not be found", this.#find);
      // A queue or a retry may have kept it for long.
      this.#found = found?.isOver === true ? undefined : found;
    }
    return this.#found;
  }
}
