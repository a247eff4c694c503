import { percentDecode } from "../baggage/percent.ts";

/**
 * Whether a text looks like a secret or like personal data: a JSON Web Token, a bearer token, a private
 * key, a key of a well-known service, an e-mail address, a card's number, a United States social security
 * number; also once more percent-encoded. A guard against mistakes. Each test reads a character a bounded number of times.
 */
export function looksSensitive(text: string): boolean {
  if (isSensitive(text)) return true;
  const decoded = text.includes("%") ? percentDecode(text) : undefined;
  return decoded !== undefined && isSensitive(decoded);
}

function isSensitive(text: string): boolean {
  return CREDENTIAL.test(text) || BEARER.test(text) || hasWebToken(text) || hasEmail(text) || hasCardNumber(text);
}

/** Alternatives that begin with what is not repeated, so that none goes back over what another one read. */
const CREDENTIAL: RegExp = new RegExp(
  [
    "-----BEGIN ",
    "PRIVATE KEY",
    String.raw`\b(?:AKIA|ASIA)[0-9A-Z]{16}`,
    String.raw`\bgh[pousr]_[0-9A-Za-z]{20}`,
    String.raw`\bgithub_pat_`,
    String.raw`\bglpat-[0-9A-Za-z_-]{16}`,
    String.raw`\b[sr]k_(?:live|test)_`,
    String.raw`\bxox[a-z]-[0-9A-Za-z]`,
    String.raw`\bAIza[0-9A-Za-z_-]{30}`,
    String.raw`\bnpm_[0-9A-Za-z]{30}`,
    String.raw`\b(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}\b`,
  ].join("|"),
);

/** RFC 6750: the scheme, in any case, and something behind it. */
const BEARER = /\bbearer[\s:=]\s*\S/i;

/** RFC 7519: three parts of base64url with dots between them, of which the first is a JSON object, so begins `eyJ`. */
function hasWebToken(text: string): boolean {
  let at = text.indexOf("eyJ");
  while (at !== -1) {
    const first = endOfBase64(text, at);
    const second = text.charCodeAt(first) === DOT ? endOfBase64(text, first + 1) : first;
    if (second > first + 1 && text.charCodeAt(second) === DOT) return true;
    at = text.indexOf("eyJ", first);
  }
  return false;
}

const DOT = 0x2e;

function endOfBase64(text: string, start: number): number {
  let end = start;
  while (end < text.length && isBase64(text.charCodeAt(end))) end++;
  return end;
}

function isBase64(code: number): boolean {
  return isDigit(code) || isLetter(code) || code === 0x2d || code === 0x5f || code === 0x3d;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function isLetter(code: number): boolean {
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x7a;
}

/** Something, an at sign, and behind it a domain with a dot that is not its first character nor its last. */
function hasEmail(text: string): boolean {
  for (let at = text.indexOf("@"); at !== -1; at = text.indexOf("@", at + 1)) {
    if (at === 0 || /[\s@]/.test(text.charAt(at - 1))) continue;
    let dot = -1;
    let end = at + 1;
    for (; end < text.length && isOfAddress(text, end); end++) {
      if (text.charCodeAt(end) === DOT && end > at + 1) dot = end;
      if (dot !== -1 && end > dot) return true;
    }
  }
  return false;
}

/** No white space, and none of what stands around an address. */
function isOfAddress(text: string, at: number): boolean {
  return !/[\s@,;<>()[\]"]/.test(text.charAt(at));
}

/** ISO/IEC 7812: 8 to 19 digits; those of cards begin with 2 to 9 and have at least 13. */
const CARD_DIGITS = { min: 13, max: 19 } as const;

/** Groups of digits with single spaces, hyphens or dots between them: any of them, and any that stand side by side. */
function hasCardNumber(text: string): boolean {
  let groups: string[] = [];
  for (let at = 0; at < text.length; at++) {
    if (!isDigit(text.charCodeAt(at))) continue;
    const start = at;
    while (isDigit(text.charCodeAt(at))) at++;
    groups.push(text.slice(start, at));
    const code = text.charCodeAt(at);
    const goesOn = (code === 0x20 || code === 0x2d || code === DOT) && isDigit(text.charCodeAt(at + 1));
    if (goesOn) continue;
    if (groups.some((_, i) => startsCardNumber(groups, i))) return true;
    groups = [];
  }
  return false;
}

/** A group has a digit at least, so that few are looked at. */
function startsCardNumber(groups: readonly string[], start: number): boolean {
  let digits = "";
  for (let i = start; i < groups.length && digits.length <= CARD_DIGITS.max; i++) {
    digits += groups[i] ?? "";
    if (isCardNumber(digits)) return true;
  }
  return false;
}

/** ISO/IEC 7812-1, annex B: Luhn's check digit. A number that begins with 1 is mostly a time in milliseconds. */
function isCardNumber(digits: string): boolean {
  if (digits.length < CARD_DIGITS.min || digits.length > CARD_DIGITS.max || digits < "2") return false;
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = digits.charCodeAt(digits.length - 1 - i) - 0x30;
    const weighted = i % 2 === 0 ? digit : digit * 2;
    sum += weighted > 9 ? weighted - 9 : weighted;
  }
  return sum % 10 === 0;
}
