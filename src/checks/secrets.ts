import { ExperimentConfigError, type ExperimentConfigErrorCode } from "./errors.ts";

/** In characters. RFC 2104, section 3, discourages keys that are shorter than the hash; a short text is no secret. */
export const MIN_SECRET_LENGTH = 16;

/**
 * One secret or several, as a new list. No message shows a secret.
 *
 * @param of the owner of the secrets, as messages name it
 * @throws ExperimentConfigError
 */
export function compileSecrets(
  code: ExperimentConfigErrorCode,
  of: string,
  secrets: unknown,
): readonly [string, ...string[]] {
  const [first, ...others]: readonly unknown[] = Array.isArray(secrets) ? secrets : [secrets];
  if (isSecret(first) && others.every(isSecret)) return [first, ...others];
  throw new ExperimentConfigError(
    code,
    `a secret of ${of} is missing or short; write at least ${MIN_SECRET_LENGTH} characters`,
  );
}

export function isSecret(secret: unknown): secret is string {
  return typeof secret === "string" && secret.length >= MIN_SECRET_LENGTH;
}
