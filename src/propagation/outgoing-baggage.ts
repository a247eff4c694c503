import { appendMember } from "../baggage/format.ts";
import { MAX_HEADER_BYTES } from "../baggage/limits.ts";
import { memberKey, splitMembers } from "../baggage/merge.ts";
import { isOwnKey, mayHoldOwn } from "../baggage/own.ts";
import type { RequestScope } from "../scope.ts";
import type { EgressPolicy } from "./egress-policy.ts";
import { redeemTickets } from "./tickets.ts";

/**
 * The one `baggage` line of one outgoing request. Whoever adds a line (the caller, OpenTelemetry once or twice), the
 * result holds the others' members as they were, each once, and own members from the scopes alone.
 */
export class OutgoingBaggage {
  readonly #policies: Iterable<EgressPolicy>;
  readonly #writers: readonly RequestScope[];
  readonly #own: readonly string[];
  readonly #keepsForeign: boolean;
  #foreign = "";

  /** @param url Where the request goes; undefined where that is not known, so that nothing of ours may leave. */
  constructor(policies: Iterable<EgressPolicy>, tickets: readonly string[], url: URL | undefined) {
    const scopes = redeemTickets(tickets);
    this.#policies = policies;
    this.#writers = scopes.filter(({ owner }) => url !== undefined && owner.policy.destinations.allows(url));
    this.#own = ownOf(this.#writers);
    this.#keepsForeign = keepsForeign(policies, scopes, url);
  }

  /** Adds a line that somebody wrote. A member that is there already, to the letter, is not repeated. */
  add(line: string): void {
    if (!this.#keepsForeign) return;
    const foreign = withoutOwn(line, this.#policies);
    if (this.#foreign === "") {
      this.#foreign = foreign;
      return;
    }
    const present = new Set(splitMembers(this.#foreign).map((member) => member.trim()));
    for (const member of splitMembers(foreign)) {
      if (!present.has(member.trim())) this.#foreign += `,${member}`;
    }
  }

  /** The value of the header; `""` means that there is to be none. */
  get text(): string {
    if (this.#own.length === 0) return this.#foreign;
    const whole = this.#own.join(",");
    if (this.#foreign === "") return whole;
    const line = `${this.#foreign},${whole}`;
    return line.length <= MAX_HEADER_BYTES ? line : this.#own.reduce(appendMember, this.#foreign);
  }

  /** Measures the own members that leave; once per request. */
  recordSize(): void {
    const [writer] = this.#writers;
    const own = this.text.length - (this.#foreign === "" ? 0 : this.#foreign.length + 1);
    if (writer !== undefined && own > 0) writer.owner.counters.sent(own);
  }
}

/** Two instances may write one request. Where they know the same experiment, the one that was asked last counts. */
function ownOf(writers: readonly RequestScope[]): readonly string[] {
  const [only, ...others] = writers;
  if (only === undefined || others.length === 0) return only?.own.experiments ?? [];
  const experiments = writers.flatMap((scope) => scope.own.experiments);
  return [...new Map(experiments.map((members) => [memberKey(members), members])).values()];
}

/** A list without the members that are own to one of the policies, and otherwise to the byte as it was. */
export function withoutOwn(line: string, policies: Iterable<EgressPolicy>): string {
  let text = line;
  for (const { prefix } of policies) {
    if (!mayHoldOwn(text, prefix)) continue;
    const members = splitMembers(text);
    const foreign = members.filter((member) => !isOwnKey(memberKey(member), prefix) && !startsOwn(member, prefix));
    if (foreign.length < members.length) text = foreign.join(",");
  }
  return text;
}

/** A member without a value breaks the grammar, but under our prefix it is still nothing to pass on. */
function startsOwn(member: string, prefix: string): boolean {
  return member.trimStart().startsWith(prefix);
}

function keepsForeign(
  policies: Iterable<EgressPolicy>,
  writers: readonly RequestScope[],
  url: URL | undefined,
): boolean {
  const concerned = writers.length > 0 ? writers.map(({ owner }) => owner.policy) : [...policies];
  return concerned.every(
    ({ foreignBaggage, destinations }) =>
      foreignBaggage === "everywhere" || (url !== undefined && destinations.allows(url)),
  );
}
