import { writableMembers } from "../baggage/merge.ts";
import { describeValue } from "../checks/describe-value.ts";
import { attempt, infoOnce } from "../checks/diagnostics.ts";
import { ownOption } from "../checks/own-option.ts";
import type { Instance } from "../instance/instance.ts";
import { Destination, type Target } from "../policy/destination.ts";
import { queueName } from "../policy/destinations.ts";
import { policiesInForce } from "../policy/in-force.ts";
import { OutgoingBaggage } from "../propagation/outgoing-baggage.ts";
import { scopesOf } from "../scope/chain.ts";
import { latestScope } from "../scope/finding.ts";
import type { RequestScope } from "../scope/request-scope.ts";
import { type Carrier, isCarrier, readEntry, writeEntry } from "./carrier.ts";

/** The options of `inject`. */
export interface InjectOptions {
  /** The destination: `queue:NAME` as in `propagateTo`, or a URL, which is judged like that of an HTTP request. */
  readonly to: string | URL;
}

/**
 * Writes the current scope's own members into a carrier, if they may go to its destination. Own members that are in the
 * carrier already are removed in any case. Foreign members stay, byte for byte.
 *
 * @throws ExperimentUsageError in strict mode, for a value that is not a carrier or not a destination
 */
export function injectBaggage<C extends Carrier>(instance: Instance, carrier: C, options: InjectOptions): C {
  const target = targetOf(instance, ownOption(options, "to"));
  if (!isCarrier(carrier)) {
    instance.report(
      "ERR_CARRIER",
      `inject(${describeValue(carrier)}, …) has no carrier; give it the message's headers, such as {}`,
    );
    return carrier;
  }
  attempt("carrier", "a carrier could not be filled", () => fill(instance, carrier, target));
  return carrier;
}

/** Undefined for a value that is not a destination; then no own members are written. */
function targetOf(instance: Instance, to: unknown): Target | undefined {
  const queue = typeof to === "string" ? queueName(to) : undefined;
  if (queue !== undefined) return { allowedBy: (destinations) => destinations.allowsQueue(queue) };
  const url = to instanceof URL ? to : typeof to === "string" ? URL.parse(to) : null;
  if (url !== null && url.protocol !== "queue:") return Destination.of(url);
  instance.report(
    "ERR_DESTINATION",
    `inject(…, { to: ${describeValue(to)} }) names no destination; write "queue:NAME" or a URL`,
  );
  return undefined;
}

function fill(instance: Instance, carrier: Carrier, target: Target | undefined): void {
  // A closed instance still removes its own members.
  const policies = new Set([...policiesInForce(), instance.policy]);
  const entry = readEntry(carrier, BAGGAGE);
  const baggage = new OutgoingBaggage(policies, writersIn(latestScope()), target);
  for (const line of entry.lines) baggage.add(writableMembers(line));
  const { text } = baggage;
  const [present, ...others] = entry.lines;
  if (others.length > 0 || (present ?? "") !== text || entry.names.some((name) => name !== BAGGAGE)) {
    writeEntry(carrier, BAGGAGE, entry, text);
  }
  baggage.recordSize();
  if (target !== undefined && !target.allowedBy(instance.policy.destinations) && instance.current().own.text !== "") {
    infoOnce(
      "no-destination",
      "the variant was not put into a carrier, since propagateTo does not name its destination",
    );
  }
}

const BAGGAGE = "baggage";

/** The scopes that may write: those whose instance is not closed. */
function writersIn(latest: RequestScope | undefined): readonly RequestScope[] {
  const policies = policiesInForce();
  return scopesOf(latest).filter(({ owner }) => policies.has(owner.policy));
}
