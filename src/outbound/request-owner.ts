import { attempt } from "../checks/diagnostics.ts";
import type { EgressPolicy } from "../policy/egress-policy.ts";
import type { RequestScope } from "../scope/request-scope.ts";
import { writingPolicies } from "./all-clients.ts";
import { redeemTickets } from "./tickets.ts";

/** Whose an outgoing request is. It is looked for when somebody asks, and once. */
export class RequestOwner {
  readonly #ticketed: readonly RequestScope[];
  readonly #find: () => RequestScope | undefined;
  #isFound = false;
  #found: RequestScope | undefined;
  #writers: readonly RequestScope[] | undefined;

  /**
   * @param tickets of wrapped clients, as they stood on the request
   * @param find the latest scope of the code that made the request; undefined where that is not known
   */
  constructor(tickets: readonly string[], find: () => RequestScope | undefined) {
    this.#ticketed = redeemTickets(tickets);
    this.#find = find;
  }

  /** A scope of the request; undefined outside a request, and where it is not known whose it is. */
  get scope(): RequestScope | undefined {
    return this.#ticketed.at(-1) ?? this.#latest;
  }

  /** The scopes that write: those of the wrapped clients, and before them those of instances that write everywhere. */
  get writers(): readonly RequestScope[] {
    this.#writers ??= this.#chooseWriters();
    return this.#writers;
  }

  #chooseWriters(): readonly RequestScope[] {
    const everywhere = writingPolicies();
    const ticketed = this.#ticketed;
    if (everywhere.size === 0 || this.#holdTicketsOf(everywhere.keys())) return ticketed;
    const others: RequestScope[] = [];
    let agreed = 0;
    for (let scope = this.#latest; scope !== undefined; scope = scope.outer) {
      if (ticketed.includes(scope)) agreed++;
      else if (scope.own.text !== "" && everywhere.has(scope.owner.policy)) others.push(scope);
    }
    // A ticket is never wrong: what does not agree with it is another request's.
    return others.length === 0 || agreed < ticketed.length ? ticketed : [...others.toReversed(), ...ticketed];
  }

  /** Whether the others' baggage is judged for the wrapped clients alone. */
  get isWrapped(): boolean {
    return this.#ticketed.length > 0;
  }

  #holdTicketsOf(policies: Iterable<EgressPolicy>): boolean {
    if (this.#ticketed.length === 0) return false;
    for (const policy of policies) {
      if (!this.#ticketed.some(({ owner }) => owner.policy === policy)) return false;
    }
    return true;
  }

  get #latest(): RequestScope | undefined {
    if (!this.#isFound) {
      this.#isFound = true;
      this.#found = attempt("egress", "it could not be found whose an outgoing request is", this.#find);
    }
    return this.#found;
  }
}
