/** A name, a value, or the values of several lines, as HTTP clients take them. */
export type HeaderPart = string | number | Uint8Array | readonly string[] | null | undefined;

/** Whether a header's name is this one; names are compared without regard to case (RFC 9110, section 5.1). */
export function isName(name: HeaderPart, lowerCase: string): boolean {
  const text = name instanceof Uint8Array ? latin1(name) : String(name);
  return text.length === lowerCase.length && text.toLowerCase() === lowerCase;
}

/** The lines that a value stands for. */
export function linesOf(value: HeaderPart): readonly string[] {
  if (value === undefined || value === null) return [];
  if (value instanceof Uint8Array) return [latin1(value)];
  return typeof value === "object" ? value.map(String) : [String(value)];
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}
