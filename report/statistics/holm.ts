import type { Figure } from "./figures.ts";

/**
 * Holm's adjusted p-values, in the order of the given ones: each may be compared with the error rate of the whole
 * family. A p that is null, or not between 0 and 1, stays null. It counts as a member of the family all the same, since
 * the metric was declared.
 *
 * @see Holm 1979, "A simple sequentially rejective multiple test procedure", Scand. J. Statist. 6
 */
export function holm(values: readonly Figure[]): readonly Figure[] {
  const adjusted: Figure[] = values.map(() => null);
  const known = values.flatMap((p, i) => (p !== null && p >= 0 && p <= 1 ? [{ p, i }] : [])).sort((a, b) => a.p - b.p);
  let greatest = 0;
  for (const [rank, { p, i }] of known.entries()) {
    greatest = Math.max(greatest, Math.min(1, (values.length - rank) * p));
    adjusted[i] = greatest;
  }
  return adjusted;
}
