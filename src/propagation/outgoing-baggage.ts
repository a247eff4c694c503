import { appendMember } from "../baggage/format.ts";
import { MAX_HEADER_BYTES } from "../baggage/limits.ts";
import { memberKey, splitMembers, writableMembers } from "../baggage/merge.ts";
import type { Target } from "../policy/destination.ts";
import type { EgressPolicy } from "../policy/egress-policy.ts";
import { countMembers } from "../scope/own-budget.ts";
import { EMPTY_LINE, type OwnLine } from "../scope/own-line.ts";
import type { RequestScope } from "../scope/request-scope.ts";

/** A source of own members: a scope, or the line that a scope had. */
export type LineWriter = Pick<RequestScope, "owner" | "own">;

/**
 * The one `baggage` line of one outgoing request. Lines are added by the user's code and by OpenTelemetry, once or twice.
 * The result holds their foreign members as they were, each once, and own members from the scopes alone.
 */
export class OutgoingBaggage {
  readonly #policies: Iterable<EgressPolicy>;
  readonly #keepsForeign: boolean;
  #writer: LineWriter | undefined;
  #own: OwnLine = EMPTY_LINE;
  #foreign = "";
  /** The members of `#foreign`, once there is a second line. */
  #present: Set<string> | undefined;
  #removed: string[] | undefined;

  /**
   * @param writers write their own members
   * @param destination undefined if unknown; then no own members are written
   * @param consulted decide about foreign members. Default: the policies of `writers`; all `policies` if there are none
   */
  constructor(
    policies: Iterable<EgressPolicy>,
    writers: readonly LineWriter[],
    destination: Target | undefined,
    consulted: Iterable<EgressPolicy> | undefined = writers.length === 0 ? policies : undefined,
  ) {
    this.#policies = policies;
    for (const writer of writers) {
      if (destination?.allowedBy(writer.owner.policy.destinations) !== true) continue;
      this.#own = this.#writer === undefined ? writer.own : joinOwn(this.#own, writer.own);
      this.#writer ??= writer;
    }
    this.#keepsForeign =
      consulted === undefined
        ? writers.every(({ owner }) => allowsForeign(owner.policy, destination))
        : allAllowForeign(consulted, destination);
  }

  /**
   * Adds a line. A member that equals an added one is not repeated. A member that is not valid in a header is left out:
   * OpenTelemetry does not encode a member's properties.
   */
  add(written: string): void {
    const { foreign, own } = this.#separate(written);
    if (this.#removed === undefined) this.#removed = own;
    else this.#removed.push(...own);
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

  #separate(written: string): SeparatedList {
    // A wrapped client has written just the own members, in most requests.
    if (written !== "" && written === this.#own.text) return { foreign: "", own: [...this.#own.parts] };
    return separate(writableMembers(written), this.#policies);
  }

  /** The own members of added lines, as they were there. They are not passed on. */
  get removed(): readonly string[] {
    return this.#removed ?? NO_TEXTS;
  }

  /** The foreign members of `text`, without own ones. */
  get foreign(): string {
    return this.#foreign;
  }

  /** The value of the header; `""` means no header. */
  get text(): string {
    if (this.#own.text === "") return this.#foreign;
    if (this.#foreign === "") return this.#own.text;
    const line = `${this.#foreign},${this.#own.text}`;
    return line.length <= MAX_HEADER_BYTES ? line : this.#own.parts.reduce(appendMember, this.#foreign);
  }

  /** Whether own members may go to the destination. */
  get isWritten(): boolean {
    return this.#writer !== undefined;
  }

  /** Whether the own members in the line are those of the added lines: then a cache that saw these saw what leaves. */
  get wasSeen(): boolean {
    const seen = this.removed.join(",");
    const line = this.text;
    return seen === (this.#foreign === "" ? line : line.slice(this.#foreign.length + 1));
  }

  /** Measures the own members in the line, and counts those that had no room. To be called once per request. */
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

/** Joins the members of two instances on one request. If both have an experiment or field, the second one's counts. */
function joinOwn(first: OwnLine, second: OwnLine): OwnLine {
  const members = [...first.parts, ...second.parts];
  const parts = [...new Map(members.map((text) => [memberKey(text), text])).values()];
  return { text: parts.join(","), parts };
}

interface SeparatedList {
  /** The line itself, byte for byte, if no member is own. */
  readonly foreign: string;
  readonly own: string[];
}

const NO_TEXTS: readonly string[] = Object.freeze([]);

/** Separates the members that are own to one of the policies from foreign ones. */
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

function allAllowForeign(policies: Iterable<EgressPolicy>, destination: Target | undefined): boolean {
  for (const policy of policies) if (!allowsForeign(policy, destination)) return false;
  return true;
}

function allowsForeign(policy: EgressPolicy, destination: Target | undefined): boolean {
  return policy.foreignBaggage === "everywhere" || destination?.allowedBy(policy.destinations) === true;
}
