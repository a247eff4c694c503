import type { ClientSide } from "../http/shapes.ts";
import type { Destination } from "../policy/destination.ts";
import { policiesInForce } from "../policy/in-force.ts";
import { OutgoingBaggage } from "../propagation/outgoing-baggage.ts";
import { expectSelfCall } from "../propagation/self-calls.ts";
import type { RequestOwner } from "./request-owner.ts";
import { standForCallsAlone } from "./tickets.ts";

/**
 * Makes the `baggage` line of a request that a client is about to write, under the policies of the whole process.
 *
 * @param lines what stood there
 * @param tickets as they stood there
 * @param owner whose the request is; where that is not known, nobody of ours writes
 */
export function outgoingLine(
  request: ClientSide,
  lines: readonly string[],
  tickets: readonly string[],
  owner: RequestOwner,
  destination: Destination | undefined,
): OutgoingBaggage {
  const policies = policiesInForce();
  const { writers } = owner;
  const baggage = new OutgoingBaggage(policies, writers, destination, owner.isWrapped ? undefined : policies);
  for (const line of lines) baggage.add(line);
  if (writers.length === 0 && standForCallsAlone(tickets)) expectSelfCall(request, baggage.removed);
  return baggage;
}
