import { GrowthBook } from "@growthbook/growthbook";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type BucketingPlan, compileBucketing } from "../../../src/assignment/bucketing.ts";

const SUBJECTS = 100_000;

function plan(overrides: Partial<BucketingPlan> = {}): BucketingPlan {
  const weights = new Map(Object.entries({ control: 2, single_page: 1, express: 1 }));
  return { seed: "checkout_redesign_2026q1", weights, coverage: 1, namespace: undefined, ...overrides };
}

/** The variant that the real GrowthBook gives. */
function growthBook({ seed, weights, coverage, namespace }: BucketingPlan): (subject: string) => string | undefined {
  const variations = [...weights.keys()] as [string, string, ...string[]]; // why: each plan here has at least two
  const sum = [...weights.values()].reduce((total, weight) => total + weight, 0);
  const client = new GrowthBook();
  return (subject) => {
    void client.setAttributes({ id: subject });
    const { inExperiment, value } = client.run({
      key: "checkout",
      variations,
      weights: [...weights.values()].map((weight) => weight / sum),
      coverage,
      hashVersion: 2,
      seed,
      ...(namespace === undefined ? {} : { namespace: [namespace.name, namespace.from, namespace.to] }),
    });
    return inExperiment ? value : undefined;
  };
}

const weightings: readonly (readonly [string, Readonly<Record<string, number>>])[] = [
  ["2 to 1 to 1", { control: 2, single_page: 1, express: 1 }],
  ["equal", { a: 1, b: 1, c: 1 }],
  ["one that is 0", { a: 1, b: 0, c: 3 }],
  ["many uneven", { a: 0.1, b: 0.27, c: 7, d: 1e-3, e: 3 }],
];

describe("the same variant as GrowthBook's", () => {
  test.each(weightings)("ASG-01 for 100,000 subjects, with weights %s", (_, weights) => {
    const subject = plan({ weights: new Map(Object.entries(weights)) });
    const [ours, theirs] = [compileBucketing(subject), growthBook(subject)];
    const differing: string[] = [];
    for (let i = 0; i < SUBJECTS; i++) if (ours(`user-${i}`) !== theirs(`user-${i}`)) differing.push(`user-${i}`);
    expect(differing).toEqual([]);
  });

  test("ASG-02 with any seed, subject, coverage, weights and namespace", () => {
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    const namespace = fc.record({ name: fc.string(), bounds: fc.tuple(share, share) }).map(({ name, bounds }) => {
      const [from = 0, to = 0] = bounds.toSorted((a, b) => a - b);
      return { name, from, to };
    });
    const plans = fc.record({
      seed: fc.string({ minLength: 1, unit: "binary" }),
      coverage: share,
      weights: fc
        .array(fc.integer({ min: 1, max: 1000 }), { minLength: 2, maxLength: 9 })
        .map((list) => new Map(list.map((weight, i) => [`v${i}`, weight]))),
      namespace: fc.option(namespace, { nil: undefined }),
    });
    const subjects = fc.array(fc.string({ minLength: 1, unit: "binary" }), { minLength: 1 });
    fc.assert(
      fc.property(plans, subjects, (subject, names) => {
        const [ours, theirs] = [compileBucketing(subject), growthBook(subject)];
        expect(names.map(ours)).toEqual(names.map(theirs));
      }),
      { numRuns: 500 },
    );
  });
});

test("ASG-03 the shares are within 0.5% of the weights over a million subjects", () => {
  const subject = plan();
  const bucket = compileBucketing(subject);
  const counts = new Map<string | undefined, number>();
  for (let i = 0; i < 1_000_000; i++) {
    const variant = bucket(`subject:${i}`);
    counts.set(variant, (counts.get(variant) ?? 0) + 1);
  }
  for (const [variant, weight] of subject.weights) {
    expect(Math.abs((counts.get(variant) ?? 0) / 1_000_000 - weight / 4)).toBeLessThan(0.005);
  }
  expect(counts.get(undefined)).toBeUndefined();
});

test("ASG-04 growing the coverage never moves a subject that is assigned", () => {
  const coverages = fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true }));
  fc.assert(
    fc.property(coverages, fc.array(fc.string({ minLength: 1 }), { minLength: 50 }), (pair, names) => {
      const [less = 0, more = 0] = pair.toSorted((a, b) => a - b);
      const [before, after] = [compileBucketing(plan({ coverage: less })), compileBucketing(plan({ coverage: more }))];
      for (const name of names) expect([undefined, after(name)]).toContain(before(name));
    }),
  );
});

test("ASG-05 experiments of one namespace with shares apart have no subject in common, and each is as it is alone", () => {
  const half = (from: number, to: number) => compileBucketing(plan({ namespace: { name: "checkout", from, to } }));
  const [first, second, alone] = [half(0, 0.5), half(0.5, 1), compileBucketing(plan())];
  let both = 0;
  let neither = 0;
  for (let i = 0; i < SUBJECTS; i++) {
    const variants = [first(`user-${i}`), second(`user-${i}`)].filter((variant) => variant !== undefined);
    if (variants.length === 2) both++;
    if (variants.length === 0) neither++;
    for (const variant of variants) expect(variant).toBe(alone(`user-${i}`));
  }
  expect({ both, neither }).toEqual({ both: 0, neither: 0 });
});

test("ASG-06 another seed deals the subjects anew", () => {
  const [one, other] = [compileBucketing(plan({ seed: "run_1" })), compileBucketing(plan({ seed: "run_2" }))];
  let same = 0;
  for (let i = 0; i < SUBJECTS; i++) if (one(`user-${i}`) === other(`user-${i}`)) same++;
  // With shares of a half and two quarters, chance alone leaves 3/8 where they were.
  expect(Math.abs(same / SUBJECTS - 3 / 8)).toBeLessThan(0.01);
});
