import { infoOnce, warnOnce } from "../checks/diagnostics.ts";
import type { Destination } from "../policy/destination.ts";
import type { EgressPolicy } from "../policy/egress-policy.ts";
import { policiesInForce } from "../policy/in-force.ts";
import { OutgoingBaggage } from "../propagation/outgoing-baggage.ts";
import type { RequestOwner } from "./request-owner.ts";

/**
 * Makes the `baggage` line of a request that a client is about to write, under the policies of the process.
 *
 * @param lines the request's `baggage` lines so far
 * @param owner the scopes of the request; if they are unknown, no own members are written
 */
export function outgoingLine(
  lines: readonly string[],
  owner: RequestOwner,
  destination: Destination | undefined,
  policies: Iterable<EgressPolicy> = policiesInForce(),
): OutgoingBaggage {
  const { writers } = owner;
  const baggage = new OutgoingBaggage(policies, writers, destination, owner.isWrapped ? undefined : policies);
  for (const line of lines) baggage.add(line);
  if (baggage.isWritten) owner.noteWritten();
  if (writers.length === 0 && baggage.removed.length > 0) reportTakenOff(baggage.removed, destination);
  return baggage;
}

/** Warns if the members are own to a strict instance, otherwise informs. */
function reportTakenOff(members: readonly string[], destination: Destination | undefined): void {
  const where = destination?.url?.origin ?? "an unknown destination";
  const message = `own members were taken off a request to ${where}; experimentFetch, experimentInterceptor and instrumentOutgoing write those of the current scope`;
  const isStrict = [...policiesInForce()].some(
    ({ strict, reader }) => strict && members.some((member) => reader.ownsMember(member)),
  );
  if (isStrict)
    warnOnce("taken-off", `${message}; in a test, send the header that testHeaders of otel-experiments/testing gives`);
  else infoOnce("taken-off", message);
}
