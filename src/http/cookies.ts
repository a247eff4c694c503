/** A browser sends few cookies with one name (several paths or domains); a forged header may hold any number. */
const MAX_VALUES = 4;

/**
 * The values of a cookie, at most 4, in the order of the header. If a name occurs several times, the cookie with the
 * longest path comes first (RFC 6265, section 5.4). Linear in the length of the header.
 */
export function cookieValues(header: string | readonly string[] | undefined, name: string): readonly string[] {
  const values: string[] = [];
  for (const line of typeof header === "string" ? [header] : (header ?? [])) {
    for (const pair of line.split(";")) {
      const equals = pair.indexOf("=");
      if (equals === -1 || pair.slice(0, equals).trim() !== name) continue;
      if (values.push(unquoted(pair.slice(equals + 1).trim())) === MAX_VALUES) return values;
    }
  }
  return values;
}

/** The names of a request's cookies that begin with a prefix, each once, in the order of the header. */
export function cookieNames(header: string | readonly string[] | undefined, prefix: string): Set<string> {
  const names = new Set<string>();
  for (const line of typeof header === "string" ? [header] : (header ?? [])) {
    for (const pair of line.split(";")) {
      const name = pair.slice(0, Math.max(pair.indexOf("="), 0)).trim();
      if (name.startsWith(prefix)) names.add(name);
    }
  }
  return names;
}

function unquoted(value: string): string {
  return value.length > 1 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
}

/** Whether a value can be a cookie's name: a token of RFC 9110, section 5.6.2, of at most 64 characters. */
export function isCookieName(name: unknown): name is string {
  return typeof name === "string" && /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/.test(name);
}
