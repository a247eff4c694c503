/** A `baggage-octet`, so it is not encoded on the wire; rare in names. */
const SEPARATOR = "|";

/** Joins the items with the separator. In an item, the separator becomes `%7C` and the percent sign `%25`. */
export function encodeItems(items: readonly string[]): string {
  return items.map((item) => item.replaceAll("%", "%25").replaceAll(SEPARATOR, "%7C")).join(SEPARATOR);
}

/** Undefined for more than `most` items, and for a text that `encodeItems` would not write. */
export function decodeItems(text: string, most: number): string[] | undefined {
  if (text === "") return [];
  const items = text.split(SEPARATOR, most + 1);
  if (items.length > most || items.some((item) => /%(?!25|7C)/.test(item))) return undefined;
  return items.map((item) => item.replaceAll("%7C", SEPARATOR).replaceAll("%25", "%"));
}
