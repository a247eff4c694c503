/** A `baggage-octet`, so that it stands on the wire as it is; rare in names of things. */
const SEPARATOR = "|";

/** The items with the separator between them; within them it is `%7C`, and the percent sign is `%25`. */
export function encodeItems(items: readonly string[]): string {
  return items.map((item) => item.replaceAll("%", "%25").replaceAll(SEPARATOR, "%7C")).join(SEPARATOR);
}

/** Undefined for more items than there may be, and for what `encodeItems` would not have written. */
export function decodeItems(text: string, most: number): string[] | undefined {
  if (text === "") return [];
  const items = text.split(SEPARATOR, most + 1);
  if (items.length > most || items.some((item) => /%(?!25|7C)/.test(item))) return undefined;
  return items.map((item) => item.replaceAll("%7C", SEPARATOR).replaceAll("%25", "%"));
}
