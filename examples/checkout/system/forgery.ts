/** Somebody who sends own members, to see a checkout that was not offered to them. */
export interface Forgery {
  /** Gives another header for each request. */
  readonly next: () => string;
  /** The members that were sent, by the reason with which the gateway rejects them. */
  readonly sent: { untrusted: number; encoded_key: number };
}

/** A variant that the shop does not have. If it is anywhere in the telemetry, a forged member was believed. */
export const FORGED_VARIANT = "free_of_charge";

const HEADERS: readonly Header[] = [
  { line: `experiment.checkout.variant=${FORGED_VARIANT}`, untrusted: 1 },
  { line: "experiment.checkout.variant=express,experiment.checkout.id=checkout_redesign_2026q1", untrusted: 2 },
  { line: "experiment.checkout.variant=control,experiment.checkout.id=checkout_redesign_2026q1", untrusted: 2 },
  // OpenTelemetry's propagators would decode this key, and send it on as the one above.
  { line: `experiment%2Echeckout.variant=${FORGED_VARIANT},page.language=en`, encoded: 1 },
];

interface Header {
  readonly line: string;
  readonly untrusted?: number;
  readonly encoded?: number;
}

export function forgery(): Forgery {
  const sent = { untrusted: 0, encoded_key: 0 };
  let requests = 0;
  return {
    sent,
    next() {
      const { line, untrusted = 0, encoded = 0 } = HEADERS[requests++ % HEADERS.length] ?? { line: "" };
      sent.untrusted += untrusted;
      sent.encoded_key += encoded;
      return line;
    },
  };
}
