/** The forms of a key of which some reader makes that key, by decoding and trimming. Each is a token, as a key has to be. */
export function hidingForms(key: string): readonly string[] {
  const [first = "", ...rest] = key;
  const hex = first.charCodeAt(0).toString(16);
  const encoded = `%${hex}${rest.join("")}`;
  return [
    encoded,
    encoded.replace("%", "%25"),
    encoded.replace("%", "%2525"),
    ...["%20", "%09", "%1C", "%1f", "%7F", "%C2%85", "%C2%A0", "%E2%80%A8", "%EF%BB%BF", "%E1%A0%8E", "%A0", "+"].map(
      (space) => space + key,
    ),
    `%2520+%C2%85${encoded}`,
  ];
}

/** The same, with the characters behind the key, where only a whole name is hidden by them. */
export function hidingNames(name: string): readonly string[] {
  return [...hidingForms(name), ...["%1c", "%20", "%C2%A0", "+", "%00", "+%2509"].map((space) => name + space)];
}

/** Members whose keys hide an own key. */
export function hidingMembers(keys: readonly string[], value = "EVIL"): string {
  return keys.map((key) => `${key}=${value}`).join(",");
}

/** A key as OpenTelemetry's propagator has it in its baggage. */
export function decodeOrKeep(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}
