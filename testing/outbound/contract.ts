import { checkCase, checkLacks, inOrder } from "../case.ts";
import { atOnceCases } from "./cases-at-once.ts";
import { baggageCases } from "./cases-baggage.ts";
import { closingCases } from "./cases-closing.ts";
import { destinationCases } from "./cases-destination.ts";
import { requestCases } from "./cases-request.ts";
import { scopeCases } from "./cases-scope.ts";
import { strangerCases } from "./cases-stranger.ts";
import type { OutboundCase, OutboundHarness } from "./harness.ts";

/** The contract of outbound adapters. A third party's runs them by `checkOutboundCase`. */
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
 * Runs one case on one harness, for at most twenty seconds. A case that the harness lacks has to fail, since a reason
 * that no longer holds would hide that it fails again.
 *
 * @throws AssertionError where the case fails, or where it passes although the harness names a reason
 */
export function checkOutboundCase(outboundCase: OutboundCase, harness: OutboundHarness): Promise<void> {
  return checkCase(outboundCase, harness, DEADLINE_MS);
}

/** @throws AssertionError where the harness lacks what is no case */
export function checkOutboundLacks(harness: OutboundHarness): void {
  checkLacks(outboundContract, harness);
}
