import { keyedHash } from "../checks/signature.ts";

/** How a subject stands in telemetry, if at all. */
export type SubjectRecorder = (experimentId: string, subject: string) => RecordedSubject | undefined;

interface RecordedSubject {
  readonly text: string;
  /** A pseudonym may be passed on to the services behind; a name may not. */
  readonly travels: boolean;
}

/**
 * The pseudonym of a subject in one run of an experiment: HMAC-SHA-256 (RFC 2104) in hexadecimal, over the experiment's
 * id and the subject. The same everywhere that the secret is the same, so that exposures and conversions can be joined;
 * another one in each experiment, so that nobody can be followed from one to the other.
 */
export function pseudonymOf(experimentId: string, subject: string, secret: string): string {
  return keyedHash(experimentId, subject, secret).toString("hex");
}
