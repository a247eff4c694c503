/** What was found about one statement that must hold. */
export interface Finding {
  readonly statement: string;
  /** What was looked at, with its number. */
  readonly checked: string;
  /** In words. Empty if the statement holds. */
  readonly problems: readonly string[];
}

/** @returns the problem if two numbers differ that should not */
export function compare(what: string, actual: number, reference: string, expected: number): readonly string[] {
  return actual === expected ? [] : [`${what}: ${actual}; ${reference}: ${expected}`];
}
