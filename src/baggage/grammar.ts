/**
 * The grammar of the `baggage` header, as tests on parts of a string.
 * W3C Baggage, "Definition"; `token` and `OWS` from RFC 7230, sections 3.2.6 and 3.2.3.
 */

const TOKEN = 1;
const OCTET = 2;

const CLASSES: Uint8Array = classify();

function classify(): Uint8Array {
  const classes = new Uint8Array(128);
  for (let code = 0x21; code < 0x7f; code++) {
    const char = String.fromCharCode(code);
    if (/[\w!#$%&'*+.^`|~-]/.test(char)) classes[code] = TOKEN;
    if (!/["\\,;]/.test(char)) classes[code] = (classes[code] ?? 0) | OCTET;
  }
  return classes;
}

function isAll(text: string, mask: number): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 127 || ((CLASSES[code] ?? 0) & mask) === 0) return false;
  }
  return true;
}

/** A `token`: not empty, ASCII, no delimiter. Keys of members and properties are tokens. */
export function isToken(text: string): boolean {
  return text.length > 0 && isAll(text, TOKEN);
}

/** Only `baggage-octet`s, as in a value on the wire. May be empty. */
export function isBaggageOctets(text: string): boolean {
  return isAll(text, OCTET);
}

/** A `baggage-octet` other than the percent sign. */
export function isPlainOctet(code: number): boolean {
  return code !== 0x25 && code < 128 && ((CLASSES[code] ?? 0) & OCTET) !== 0;
}

/** Optional white space is a space or a tab; other characters that `String.prototype.trim` removes are not. */
export function isOws(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** The text without the white space around it. Linear, unlike a regular expression. */
export function trimOws(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isOws(text.charCodeAt(start))) start++;
  while (end > start && isOws(text.charCodeAt(end - 1))) end--;
  return start === 0 && end === text.length ? text : text.slice(start, end);
}

/** Joins several header lines into one list (RFC 7230, section 3.2.2). A value that is no string counts as empty. */
export function joinLines(header: unknown): string {
  if (typeof header === "string") return header;
  try {
    return Array.isArray(header) ? header.map((line: unknown) => (typeof line === "string" ? line : "")).join(",") : "";
  } catch {
    return ""; // A revoked proxy, or an element whose getter throws.
  }
}
