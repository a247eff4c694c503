import { infoOnce, warnOnce } from "../checks/diagnostics.ts";
import type { Destination } from "../policy/destination.ts";
import { policiesInForce } from "../policy/in-force.ts";
import { OutgoingBaggage } from "../propagation/outgoing-baggage.ts";
import type { RequestOwner } from "./request-owner.ts";

/**
 * Makes the `baggage` line of a request that a client is about to write, under the policies of the whole process.
 *
 * @param lines what stood there
 * @param owner whose the request is; where that is not known, nobody of ours writes
 */
export function outgoingLine(
  lines: readonly string[],
  owner: RequestOwner,
  destination: Destination | undefined,
): OutgoingBaggage {
  const policies = policiesInForce();
  const { writers } = owner;
  const baggage = new OutgoingBaggage(policies, writers, destination, owner.isWrapped ? undefined : policies);
  for (const line of lines) baggage.add(line);
  if (writers.length === 0 && baggage.removed.length > 0) sayTakenOff(baggage.removed, destination);
  return baggage;
}

/** A warning where the members are own to a strict instance, and information elsewhere. */
function sayTakenOff(members: readonly string[], destination: Destination | undefined): void {
  const where = destination?.url?.origin ?? "an unknown destination";
  const message = `own members were taken off a request to ${where}; experimentFetch, experimentInterceptor and instrumentOutgoing write those of the request that is served`;
  const isStrict = [...policiesInForce()].some(
    ({ strict, reader }) => strict && members.some((member) => reader.ownsMember(member)),
  );
  if (isStrict)
    warnOnce("taken-off", `${message}; in a test, send the header that testHeaders of otel-experiments/testing gives`);
  else infoOnce("taken-off", message);
}
