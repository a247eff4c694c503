import { checkCase, checkLacks, inOrder } from "../case.ts";
import { atOnceCases } from "./cases-at-once.ts";
import { baggageCases } from "./cases-baggage.ts";
import { closingCases } from "./cases-closing.ts";
import { destinationCases } from "./cases-destination.ts";
import { requestCases } from "./cases-request.ts";
import { scopeCases } from "./cases-scope.ts";
import { strangerCases } from "./cases-stranger.ts";
import type { OutboundCase, OutboundHarness } from "./harness.ts";

/** The contract of outbound adapters. `checkOutboundCase` runs a case, for adapters of other packages too. */
export const outboundContract: readonly OutboundCase[] = inOrder(
  baggageCases,
  requestCases,
  destinationCases,
  atOnceCases,
  scopeCases,
  strangerCases,
  closingCases,
);

const DEADLINE_MS = 20_000;

/**
 * Runs one case on one harness, for at most twenty seconds. A case in `lacks` must fail: otherwise an outdated reason
 * would hide a later failure.
 *
 * @throws AssertionError if the case fails, or if it passes although `lacks` names it
 */
export function checkOutboundCase(outboundCase: OutboundCase, harness: OutboundHarness): Promise<void> {
  return checkCase(outboundCase, harness, DEADLINE_MS);
}

/** @throws AssertionError if `lacks` names a case that does not exist */
export function checkOutboundLacks(harness: OutboundHarness): void {
  checkLacks(outboundContract, harness);
}
