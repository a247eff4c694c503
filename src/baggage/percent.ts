const MALFORMED = /%(?![0-9A-Fa-f]{2})/;

/** Everything but `baggage-octet`, and the percent sign, which must be encoded too. */
const UNSAFE = /[^\x21\x23\x24\x26-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+/g;

// An encoded byte order mark is data, so it is kept.
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Decodes a value once. Octets that are no UTF-8 become U+FFFD (W3C Baggage, "value").
 * `undefined` where a percent sign is not followed by two hexadecimal digits.
 */
export function percentDecode(value: string): string | undefined {
  if (!value.includes("%")) return value;
  if (MALFORMED.test(value)) return undefined;
  try {
    return decodeURIComponent(value);
  } catch {
    return utf8.decode(octets(value));
  }
}

function octets(value: string): Uint8Array {
  const bytes = new Uint8Array(value.length);
  let length = 0;
  for (let i = 0; i < value.length; i++) {
    const isEscape = value[i] === "%";
    bytes[length++] = isEscape ? Number.parseInt(value.slice(i + 1, i + 3), 16) : value.charCodeAt(i);
    if (isEscape) i += 2;
  }
  return bytes.subarray(0, length);
}

/** Encodes what may not stand in a value as it is. A lone surrogate becomes U+FFFD; nothing throws. */
export function percentEncode(value: string): string {
  return value.toWellFormed().replace(UNSAFE, encodeURIComponent);
}
