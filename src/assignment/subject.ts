import { keyedHash } from "../checks/signature.ts";

/** Returns the text of a subject for telemetry; undefined if it is not recorded. */
export type SubjectRecorder = (experimentId: string, subject: string) => RecordedSubject | undefined;

interface RecordedSubject {
  readonly text: string;
  /** Whether it may travel to later services: a pseudonym may, a name may not. */
  readonly travels: boolean;
}

/**
 * The pseudonym of a subject in one run of an experiment: HMAC-SHA-256 (RFC 2104) in hexadecimal, over the experiment's
 * id and the subject. Services with the same secret compute the same pseudonym, so exposures and conversions can be
 * joined. Each run has another pseudonym, so a subject cannot be followed from one experiment to another.
 */
export function pseudonymOf(experimentId: string, subject: string, secret: string): string {
  return keyedHash(experimentId, subject, secret).toString("hex");
}
