/**
 * White space, control and format characters: what one reader or another trims, of Python's `str.strip`, Java's `trim`
 * and `strip`, Go's `strings.TrimSpace`, .NET's `Trim` (old ones trim U+200B too), Ruby's `strip` and JavaScript's `trim`.
 */
const TRIMMED = /[\p{White_Space}\p{Cc}\p{Cf}]/u;

/** Whether some reader trims the character of this UTF-16 code unit. */
export function isTrimmed(code: number): boolean {
  if (code < 0x7f) return code < 0x21;
  return code <= 0xa0 || TRIMMED.test(String.fromCharCode(code));
}

/** A character that other readers decode or trim: all but printable ASCII, the percent sign and the plus sign. */
const CHANGEABLE = /[^!-$&-*,-~]/;

/** Whether a key can be another one to a lenient reader. */
export function isChangeable(key: string): boolean {
  return CHANGEABLE.test(key);
}

const PERCENT = 0x25;
const PLUS = 0x2b;
const LOWER_U = 0x75;

/** Marks a byte beyond ASCII that was an escape. If such a byte is no UTF-8, some decoders leave it out. */
const ESCAPED = 0x1_0000;

/**
 * The key that the most lenient reader makes of a key: after any number of percent-decodings (`%2565` is `e`), with `+` as
 * a space, and without the characters at both ends that some reader trims. A broken escape stays; bytes are read as
 * UTF-8, also in forms that are too long. Linear in the length of the key. Never throws.
 */
export function lenientKey(key: string): string {
  const text = textOf(decoded(key));
  let start = 0;
  let end = text.length;
  while (start < end && isSkipped(text.charCodeAt(start))) start++;
  while (end > start && isSkipped(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isSkipped(code: number): boolean {
  return code === PLUS || isTrimmed(code);
}

/** The code units after all decodings. A decoded character may complete the escape before it, so the end is read again. */
function decoded(key: string): readonly number[] {
  const units: number[] = [];
  for (let i = 0; i < key.length; i++) {
    units.push(key.charCodeAt(i));
    while (endsInEscape(units));
  }
  return units;
}

/** Decodes the escape at the end: `%41`, or `%u0041`, which .NET reads too. False if there is none. */
function endsInEscape(units: number[]): boolean {
  const low = hexAt(units, 1);
  const high = hexAt(units, 2);
  if (low === -1 || high === -1) return false;
  if (units.at(-3) === PERCENT) {
    const byte = high * 16 + low;
    units.length -= 3;
    units.push(byte < 0x80 ? byte : byte | ESCAPED);
    return true;
  }
  if (((units.at(-5) ?? 0) | 0x20) !== LOWER_U || units.at(-6) !== PERCENT) return false;
  const [third, fourth] = [hexAt(units, 3), hexAt(units, 4)];
  if (third === -1 || fourth === -1) return false;
  units.length -= 6;
  units.push(((fourth * 16 + third) * 16 + high) * 16 + low);
  return true;
}

/** The hexadecimal digit at a place counted from the end, as a number; -1 if there is none. */
function hexAt(units: readonly number[], fromEnd: number): number {
  const code = units.at(-fromEnd) ?? 0;
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const letter = code | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

function textOf(units: readonly number[]): string {
  let text = "";
  for (let i = 0; i < units.length; i++) {
    const unit = units[i] ?? 0;
    if (isByte(unit)) {
      const more = moreBytes(unit & 0xff);
      const point = more === 0 ? -1 : pointAt(units, i, more);
      if (point !== -1) {
        text += String.fromCodePoint(point);
        i += more;
      } else if (unit < ESCAPED) text += String.fromCharCode(unit);
    } else text += String.fromCharCode(unit);
  }
  return text;
}

function isByte(unit: number): boolean {
  return unit >= ESCAPED || (unit >= 0x80 && unit <= 0xff);
}

/** How many bytes follow the first byte of a character of UTF-8. */
function moreBytes(first: number): number {
  return first < 0xc0 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : first < 0xf8 ? 3 : 0;
}

/** The code point whose first byte is at an index, shortest form or not; -1 if a byte is missing. */
function pointAt(units: readonly number[], at: number, more: number): number {
  let point = (units[at] ?? 0) & (0x3f >> more);
  for (let i = at + 1; i <= at + more; i++) {
    const unit = units[i] ?? 0;
    if (!isByte(unit) || (unit & 0xc0) !== 0x80) return -1;
    point = (point << 6) | (unit & 0x3f);
  }
  return point <= 0x10_ffff ? point : -1;
}
