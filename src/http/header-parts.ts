/** A name, a value, or the values of several lines, as HTTP clients take them. */
export type HeaderPart = string | number | Uint8Array | readonly string[] | null | undefined;

/** Whether a header has this name. Case does not count (RFC 9110, section 5.1). */
export function isName(name: unknown, lowerCase: string): boolean {
  const text = textOf(name);
  return text.length === lowerCase.length && text.toLowerCase() === lowerCase;
}

/** The header lines of a value. */
export function linesOf(value: unknown): readonly string[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value.map(textOf) : [textOf(value)];
}

/** Bytes as text, one character for each. */
export function latin1({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString("latin1");
}

function textOf(part: unknown): string {
  return part instanceof Uint8Array ? latin1(part) : String(part);
}
