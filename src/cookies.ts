/**
 * The value of a cookie as it stands in the request, or undefined. Of several with one name the first counts, as the
 * one with the longest path comes first (RFC 6265, section 5.4). Linear in the length of the header.
 */
export function cookieValue(header: string | readonly string[] | undefined, name: string): string | undefined {
  const lines = typeof header === "string" ? [header] : (header ?? []);
  for (const line of lines) {
    for (const pair of line.split(";")) {
      const equals = pair.indexOf("=");
      if (equals !== -1 && pair.slice(0, equals).trim() === name) return unquoted(pair.slice(equals + 1).trim());
    }
  }
  return undefined;
}

function unquoted(value: string): string {
  return value.length > 1 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
}

/** What a cookie may be called: a token of RFC 9110, section 5.6.2. */
export function isCookieName(name: unknown): name is string {
  return typeof name === "string" && /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/.test(name);
}
