/**
 * The known name closest to a misspelt one, by the number of changed letters. Case does not count.
 *
 * @param most the most changes; if the closest name needs more, the result is undefined
 */
export function nearestName<T extends string>(
  misspelt: string,
  known: readonly T[],
  most: number = Number.POSITIVE_INFINITY,
): T | undefined {
  const lower = misspelt.toLowerCase();
  let nearest: T | undefined;
  let least = most + 1;
  for (const name of known) {
    const changes = changesBetween(lower, name.toLowerCase());
    if (changes < least) [nearest, least] = [name, changes];
  }
  return nearest;
}

/** A misspelt name is compared up to this length; a longer one is no typing error. */
const MAX_LENGTH = 128;

/** The Levenshtein distance: letters to insert, remove or replace. Computed row by row. */
function changesBetween(from: string, to: string): number {
  const source = from.slice(0, MAX_LENGTH);
  let previous = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (let row = 0; row < source.length; row++) {
    const current = [row + 1];
    for (let column = 0; column < to.length; column++) {
      const replaced = (previous[column] ?? 0) + (source[row] === to[column] ? 0 : 1);
      current.push(Math.min(replaced, (previous[column + 1] ?? 0) + 1, (current[column] ?? 0) + 1));
    }
    previous = current;
  }
  return previous.at(-1) ?? 0;
}
