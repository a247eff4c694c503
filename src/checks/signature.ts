import { createHmac, timingSafeEqual } from "node:crypto";

/**
 * HMAC-SHA-256 (RFC 2104) over a purpose, a line feed and a text. A hash for one purpose is not valid for another, even
 * with the same secret.
 *
 * @param purpose without a line feed
 */
export function keyedHash(purpose: string, text: string, secret: string): Buffer {
  return createHmac("sha256", secret).update(`${purpose}\n${text}`).digest();
}

/** The signature of a text: its keyed hash in base64url, 43 characters. */
export function sign(purpose: string, text: string, secret: string): string {
  return keyedHash(purpose, text, secret).toString("base64url");
}

/** Whether one of the secrets signed a text. All secrets are tried, so the time does not depend on which one signed, if any. */
export function isSigned(purpose: string, text: string, signature: string, secrets: readonly string[]): boolean {
  const given = Buffer.from(signature, "base64url");
  // The last base64url letter of 32 bytes has unused bits, so the same bytes have several spellings. Only one is accepted.
  if (given.length !== HASH_BYTES || given.toString("base64url") !== signature) return false;
  let signed = false;
  for (const secret of secrets) signed = timingSafeEqual(given, keyedHash(purpose, text, secret)) || signed;
  return signed;
}

/** Of SHA-256. */
const HASH_BYTES = 32;
