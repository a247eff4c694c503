import { checkCase, checkLacks, inOrder } from "../case.ts";
import { asyncCases } from "./cases-async.ts";
import { bodyCases } from "./cases-body.ts";
import { connectionCases } from "./cases-connection.ts";
import { errorCases } from "./cases-errors.ts";
import { readingCases } from "./cases-reading.ts";
import { recordingCases } from "./cases-recording.ts";
import { scopeCases } from "./cases-scope.ts";
import { trustCases } from "./cases-trust.ts";
import { untouchedCases } from "./cases-untouched.ts";
import type { InboundCase, InboundHarness } from "./harness.ts";

/** The contract of inbound adapters. A third party's runs them by `checkInboundCase`. */
export const inboundContract: readonly InboundCase[] = inOrder(
  scopeCases,
  readingCases,
  trustCases,
  bodyCases,
  asyncCases,
  errorCases,
  connectionCases,
  recordingCases,
  untouchedCases,
);

const DEADLINE_MS = 10_000;

/**
 * Runs one case on one harness, for at most ten seconds. A case that the harness lacks has to fail, since a reason that
 * no longer holds would hide that it fails again.
 *
 * @throws AssertionError where the case fails, or where it passes although the harness names a reason
 */
export function checkInboundCase(inboundCase: InboundCase, harness: InboundHarness): Promise<void> {
  return checkCase(inboundCase, harness, DEADLINE_MS);
}

/** @throws AssertionError where the harness lacks what is no case */
export function checkInboundLacks(harness: InboundHarness): void {
  checkLacks(inboundContract, harness);
}
