import { appendMember } from "../baggage/format.ts";
import { MAX_HEADER_BYTES } from "../baggage/limits.ts";
import { memberKey, splitMembers, writableMembers } from "../baggage/merge.ts";
import type { Target } from "../policy/destination.ts";
import type { EgressPolicy } from "../policy/egress-policy.ts";
import { countMembers } from "../scope/own-budget.ts";
import { EMPTY_LINE, type OwnLine } from "../scope/own-line.ts";
import type { RequestScope } from "../scope/request-scope.ts";

/**
 * The one `baggage` line of one outgoing request. Whoever adds a line (the caller, OpenTelemetry once or twice), the
 * result holds the others' members as they were, each once, and own members from the scopes alone.
 */
export class OutgoingBaggage {
  readonly #policies: Iterable<EgressPolicy>;
  readonly #keepsForeign: boolean;
  #writer: RequestScope | undefined;
  #own: OwnLine = EMPTY_LINE;
  #foreign = "";
  /** The members of `#foreign`, once there is a second line. */
  #present: Set<string> | undefined;
  /** The own members that somebody else wrote, as they stood there. */
  readonly removed: string[] = [];

  /**
   * @param scopes those that write
   * @param destination undefined where it is not known, so that nothing of ours may leave
   * @param judges who decides about the others' members: by default those who write, and everybody where nobody does
   */
  constructor(
    policies: Iterable<EgressPolicy>,
    scopes: readonly RequestScope[],
    destination: Target | undefined,
    judges: Iterable<EgressPolicy> = scopes.length === 0 ? policies : scopes.map(({ owner }) => owner.policy),
  ) {
    this.#policies = policies;
    for (const scope of scopes) {
      if (destination?.allowedBy(scope.owner.policy.destinations) !== true) continue;
      this.#own = this.#writer === undefined ? scope.own : joinOwn(this.#own, scope.own);
      this.#writer ??= scope;
    }
    this.#keepsForeign = letsForeignGo(judges, destination);
  }

  /**
   * Adds a line that somebody wrote. A member that is there already, to the letter, is not repeated, and one that cannot
   * stand in a header is left out: OpenTelemetry writes a member's properties as they are.
   */
  add(written: string): void {
    const { foreign, own } = separate(writableMembers(written), this.#policies);
    this.removed.push(...own);
    if (!this.#keepsForeign) return;
    if (this.#foreign === "") {
      this.#foreign = foreign;
      return;
    }
    this.#present ??= new Set(splitMembers(this.#foreign).map((member) => member.trim()));
    for (const member of splitMembers(foreign)) {
      if (this.#present.has(member.trim())) continue;
      this.#present.add(member.trim());
      this.#foreign += `,${member}`;
    }
  }

  /** The value of the header; `""` means that there is to be none. */
  get text(): string {
    if (this.#own.text === "") return this.#foreign;
    if (this.#foreign === "") return this.#own.text;
    const line = `${this.#foreign},${this.#own.text}`;
    return line.length <= MAX_HEADER_BYTES ? line : this.#own.parts.reduce(appendMember, this.#foreign);
  }

  /** Measures the own members that leave, and counts those that have no room; once per request. */
  recordSize(): void {
    if (this.#writer === undefined) return;
    const { counters } = this.#writer.owner;
    const line = this.text;
    const bytes = line.length - (this.#foreign === "" ? 0 : this.#foreign.length + 1);
    if (bytes > 0) counters.sent(bytes);
    if (bytes < this.#own.text.length) {
      counters.reject(
        "over_limit",
        countMembers(this.#own.parts.filter((members) => !`,${line},`.includes(`,${members},`))),
      );
    }
  }
}

/** Two instances may write one request. Where they know the same experiment or field, the one that was asked last counts. */
function joinOwn(first: OwnLine, second: OwnLine): OwnLine {
  const members = [...first.parts, ...second.parts];
  const parts = [...new Map(members.map((text) => [memberKey(text), text])).values()];
  return { text: parts.join(","), parts };
}

interface SeparatedList {
  /** To the byte as it was, where nothing in it is own. */
  readonly foreign: string;
  readonly own: readonly string[];
}

/** Takes the members out of a list that are own to one of the policies. */
export function separate(line: string, policies: Iterable<Pick<EgressPolicy, "reader">>): SeparatedList {
  let foreign = line;
  const own: string[] = [];
  for (const { reader } of policies) {
    if (!reader.mayBeIn(foreign)) continue;
    const members = splitMembers(foreign);
    const others = members.filter((member) => !reader.ownsMember(member));
    if (others.length === members.length) continue;
    foreign = others.join(",");
    own.push(...members.filter((member) => reader.ownsMember(member)));
  }
  return { foreign, own };
}

function letsForeignGo(policies: Iterable<EgressPolicy>, destination: Target | undefined): boolean {
  for (const policy of policies) {
    if (policy.foreignBaggage === "everywhere") continue;
    if (destination?.allowedBy(policy.destinations) !== true) return false;
  }
  return true;
}
