const VARIANTS = ["control", "single_page", "express", "wallet", "guest", "one_click"] as const;

/** The variants in the benchmarks' headers, with their weights. */
export const VARIANT_WEIGHTS: Readonly<Record<(typeof VARIANTS)[number], number>> = {
  control: 1,
  single_page: 1,
  express: 1,
  wallet: 1,
  guest: 1,
  one_click: 1,
};

export const EXPERIMENT_ID = "checkout_redesign_2026q1";

/**
 * Headers with `members` members, two of them own. Each is a separate flat string, as node:http gives it. No two
 * headers of a run are equal: the first foreign member, or the place of the own ones, differs.
 */
export function freshHeaders(members: number, count: number, round: number): string[] {
  return Array.from({ length: count }, (_, i) => flat(header(members, i, round)));
}

function header(members: number, index: number, round: number): string {
  const variant = VARIANTS[(index + round + VARIANTS.length * 100) % VARIANTS.length];
  const own = [`experiment.checkout.variant=${variant}`, `experiment.checkout.id=${EXPERIMENT_ID}`];
  const serial = `${round + 1000}-${index}`;
  // Two members leave no room for another one, so a property makes the header distinct.
  if (members === 2) return `${own[0]};n=${serial},${own[1]}`;
  const foreign = Array.from({ length: members - 2 }, (_, i) =>
    i === 0 ? `session=${serial}` : `vendor-${i}.key=some%20value-${i}`,
  );
  const at = Math.min(foreign.length, 2);
  return [...foreign.slice(0, at), ...own, ...foreign.slice(at)].join(",");
}

/** Concatenation makes a rope, which the first reader would have to flatten. */
function flat(text: string): string {
  return Buffer.from(text, "latin1").toString("latin1");
}
