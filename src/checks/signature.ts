import { createHmac, timingSafeEqual } from "node:crypto";

/**
 * HMAC-SHA-256 (RFC 2104) over a purpose, a line feed and a text. What is made for one purpose is of no use for another
 * one, though the secret is the same.
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

/** Whether one of the secrets signed a text. Takes the same time whichever it was, and where it was none. */
export function isSigned(purpose: string, text: string, signature: string, secrets: readonly string[]): boolean {
  const given = Buffer.from(signature, "base64url");
  // The last letter of 32 bytes in base64url has bits to spare: another spelling of the same bytes is another text.
  if (given.length !== HASH_BYTES || given.toString("base64url") !== signature) return false;
  let signed = false;
  for (const secret of secrets) signed = timingSafeEqual(given, keyedHash(purpose, text, secret)) || signed;
  return signed;
}

/** Of SHA-256. */
const HASH_BYTES = 32;
