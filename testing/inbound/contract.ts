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
import { visitorCases } from "./cases-visitor.ts";
import type { InboundCase, InboundHarness } from "./harness.ts";

/** The contract of inbound adapters. `checkInboundCase` runs a case, for adapters of other packages too. */
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
  visitorCases,
);

const DEADLINE_MS = 10_000;

/**
 * Runs one case on one harness, for at most ten seconds. A case in `lacks` must fail: otherwise an outdated reason
 * would hide a later failure.
 *
 * @throws AssertionError if the case fails, or if it passes although `lacks` names it
 */
export function checkInboundCase(inboundCase: InboundCase, harness: InboundHarness): Promise<void> {
  return checkCase(inboundCase, harness, DEADLINE_MS);
}

/** @throws AssertionError if `lacks` names a case that does not exist */
export function checkInboundLacks(harness: InboundHarness): void {
  checkLacks(inboundContract, harness);
}
