import { type ClientSide, processState } from "../process-state.ts";
import type { Destination } from "./destination.ts";
import { OutgoingBaggage } from "./outgoing-baggage.ts";
import { expectSelfCall } from "./self-calls.ts";
import { redeemTickets, standForCallsAlone } from "./tickets.ts";

/**
 * Makes the `baggage` line of a request that a client is about to write, under the policies of the whole process.
 *
 * @param lines what stood there
 * @param tickets whose the request is; without one, nobody of ours writes
 */
export function outgoingLine(
  request: ClientSide,
  lines: readonly string[],
  tickets: readonly string[],
  destination: Destination | undefined,
): OutgoingBaggage {
  const baggage = new OutgoingBaggage(processState().policies, redeemTickets(tickets), destination);
  for (const line of lines) baggage.add(line);
  if (standForCallsAlone(tickets)) expectSelfCall(request, baggage.removed);
  return baggage;
}
