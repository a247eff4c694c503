/** One experiment's share of the subjects in a namespace. */
export interface NamespaceShare {
  readonly name: string;
  /** From 0 to 1. */
  readonly from: number;
  /** Greater than `from`, up to 1; excluded from the share. */
  readonly to: number;
}

/** The complete input that decides a subject's variant. */
export interface BucketingPlan {
  /** A different seed distributes the subjects differently. */
  readonly seed: string;
  /** Weights by variant, in the order of declaration; not negative, and not all 0. */
  readonly weights: ReadonlyMap<string, number>;
  /** The share of the subjects that take part, from 0 to 1. */
  readonly coverage: number;
  readonly namespace: NamespaceShare | undefined;
}

/** Returns the variant of a subject; undefined if the subject does not take part. */
export type Bucketing = (subject: string) => string | undefined;

interface Range {
  readonly variant: string;
  readonly from: number;
  readonly to: number;
}

/**
 * Distributes subjects as GrowthBook's hash version 2 does, so both return the same variant: FNV-1a over seed and
 * subject, hashed once more, in 10,000 buckets. Each variant's range begins where the previous one would end at full
 * coverage, so more coverage only adds subjects. Weights are normalised to 1 first.
 *
 * @see https://docs.growthbook.io/lib/build-your-own#hash
 */
export function compileBucketing({ seed, weights, coverage, namespace }: BucketingPlan): Bucketing {
  const ranges = rangesOf(weights, coverage);
  const isIn = namespace === undefined ? undefined : namespaceTest(namespace);
  return function bucketOf(subject) {
    if (isIn?.(subject) === false) return undefined;
    const bucket = (fnv1a(String(fnv1a(seed + subject))) % 10_000) / 10_000;
    for (const { variant, from, to } of ranges) if (bucket >= from && bucket < to) return variant;
    return undefined;
  };
}

function rangesOf(weights: ReadonlyMap<string, number>, coverage: number): readonly Range[] {
  const sum = [...weights.values()].reduce((total, weight) => total + weight, 0);
  let cumulative = 0;
  return Array.from(weights, ([variant, weight]) => {
    const from = cumulative;
    const share = weight / sum;
    cumulative += share;
    return { variant, from, to: from + coverage * share };
  });
}

/** GrowthBook's hash version 1. Its input differs from that of the variants' hash, so the two are independent. */
function namespaceTest({ name, from, to }: NamespaceShare): (subject: string) => boolean {
  const suffix = `__${name}`;
  return (subject) => {
    const place = (fnv1a(subject + suffix) % 1000) / 1000;
    return place >= from && place < to;
  };
}

/** FNV-1a with 32 bits over UTF-16 code units, as in GrowthBook; RFC 9923. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
