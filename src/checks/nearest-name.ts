/**
 * The known name that a misspelt one is closest to, by the letters that would have to be changed, whatever their case.
 *
 * @param most undefined is the result where it would be more changes than these
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

/** The longest name that is compared; what is longer is no slip of the hand. */
const MAX_LENGTH = 128;

/** Levenshtein's distance: letters to insert, to remove and to replace. Row by row of its table. */
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
