const MALFORMED = /%(?![0-9A-Fa-f]{2})/;
const BEYOND_ASCII = /%[89A-Fa-f]/;

/** All characters except `baggage-octet`s; also the percent sign, which must be encoded too. */
const UNSAFE = /[^\x21\x23\x24\x26-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+/g;

// An encoded byte order mark is data, so it is kept.
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Decodes a value once. Octets that are no UTF-8 become U+FFFD (W3C Baggage, "value").
 * Undefined if a percent sign is not followed by two hexadecimal digits.
 */
export function percentDecode(value: string): string | undefined {
  if (!value.includes("%")) return value;
  if (MALFORMED.test(value)) return undefined;
  // decodeURIComponent throws for invalid UTF-8; a header full of it would cost milliseconds.
  return BEYOND_ASCII.test(value) ? utf8.decode(octets(value)) : decodeURIComponent(value);
}

function octets(value: string): Uint8Array {
  const bytes = Buffer.from(value, "utf8");
  let length = 0;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] ?? 0;
    if (byte === 0x25) {
      bytes[length++] = hexDigit(bytes[i + 1] ?? 0) * 16 + hexDigit(bytes[i + 2] ?? 0);
      i += 2;
    } else bytes[length++] = byte;
  }
  return bytes.subarray(0, length);
}

/** The value of a hexadecimal digit from its character code: `0` is 0x30; letters of either case begin at 10. */
function hexDigit(code: number): number {
  return code <= 0x39 ? code - 0x30 : (code | 0x20) - 0x57;
}

/** Encodes the characters that a value may not hold. A lone surrogate becomes U+FFFD. Never throws. */
export function percentEncode(value: string): string {
  return value.toWellFormed().replace(UNSAFE, encodeURIComponent);
}
