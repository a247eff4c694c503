import { type Meter, metrics } from "@opentelemetry/api";
import { createExperiments, type Experiments, type ExperimentsOptions } from "otel-experiments";
import { afterEach, describe, expect, test } from "vitest";
import { openRequest } from "../support/opened-request.ts";
import { pointsOf } from "../support/points.ts";
import { countsOf, MEANS, type Means, measured, setGlobal } from "./measuring.ts";

const REQUESTS = 30_000;
const COLLECTIONS = 6;
/** Every so many requests is one of a declared variant. */
const DECLARED_EVERY = 10;

afterEach(() => metrics.disable());

/** What both temporalities saw of one instrument. */
interface Seen {
  readonly cumulative: Readonly<Record<string, number>>;
  /** Over all collections. */
  readonly delta: Readonly<Record<string, number>>;
  /** The most pairs that one collection had, with either temporality. */
  readonly most: number;
}

const NAMES = ["orders.placed", "orders.value", "ours.placed"];

/** Requests from outside, one for each header, and a collection now and then. */
async function serve(
  means: Means,
  options: ExperimentsOptions,
  headerOf: (i: number) => string,
): Promise<ReadonlyMap<string, Seen>> {
  const { provider, points, delta } = measured(means, ["orders.placed", "orders.value"]);
  setGlobal(provider);
  const experiments: Experiments = createExperiments({ ...options, trustInbound: true, strict: false });
  const theirs: Meter = provider.getMeter("shop");
  const [placed, value] = [theirs.createCounter("orders.placed"), theirs.createHistogram("orders.value")];
  const ours = experiments.meter("shop").createCounter("ours.placed");
  const added = new Map<string, Record<string, number>>(NAMES.map((name) => [name, {}]));
  const seen = new Map<string, Seen>();
  for (let collection = 1; collection <= COLLECTIONS; collection++) {
    const from = Math.round((REQUESTS * (collection - 1)) / COLLECTIONS);
    const to = Math.round((REQUESTS * collection) / COLLECTIONS);
    for (let i = from; i < to; i++) {
      openRequest(experiments, { header: headerOf(i) }).run(() => {
        placed.add(1);
        value.record(1);
        ours.add(1);
      });
    }
    const fresh = await delta.metrics();
    for (const name of NAMES) {
      const cumulative = countsOf(await points(name));
      const total = added.get(name) ?? {};
      const metric = fresh.get(name);
      const since = metric === undefined ? {} : countsOf(pointsOf(metric));
      for (const [pair, count] of Object.entries(since)) total[pair] = (total[pair] ?? 0) + count;
      const most = Math.max(seen.get(name)?.most ?? 0, Object.keys(cumulative).length, Object.keys(since).length);
      seen.set(name, { cumulative, delta: { ...total }, most });
    }
  }
  await experiments.close();
  return seen;
}

describe.each(MEANS)("30,000 variants and keys from outside, by $name", (means) => {
  test("SDS-01 add one pair to those of a registry, whose counts stay exact", async () => {
    const expected: Record<string, number> = {
      "checkout_1 control": 0,
      "checkout_1 express": 0,
      "- other": 0,
      "- none": 0,
    };
    const count = (pair: string): void => void (expected[pair] = (expected[pair] ?? 0) + 1);
    const seen = await serve(
      means,
      { experiments: { checkout: { id: "checkout_1", variants: ["control", "express"] } } },
      (i) => {
        if (i % DECLARED_EVERY === 0) {
          const variant = i % (2 * DECLARED_EVERY) === 0 ? "control" : "express";
          count(`checkout_1 ${variant}`);
          return `experiment.checkout.variant=${variant}`;
        }
        if (i % DECLARED_EVERY === 1) {
          count("- none");
          return `experiment.checkout.variant=v${i},experiment.checkout.forced=1`;
        }
        count("- other");
        if (i % 3 === 0) return `experiment.checkout.variant=v${i}`;
        if (i % 3 === 1) return `experiment.checkout.variant=express,experiment.checkout.id=run${i}`;
        return `experiment.key${i}.variant=v${i},experiment.key${i}.id=id${i}`;
      },
    );
    for (const name of NAMES)
      expect([name, seen.get(name)]).toEqual([name, { cumulative: expected, delta: expected, most: 4 }]);
  });

  test("SDS-02 add 8 experiments of 8 variants a process without a registry", async () => {
    const seen = await serve(
      means,
      {},
      (i) => `experiment.key${i % 1000}.variant=v${i},experiment.key${i % 1000}.id=id${i % 1000}`,
    );
    for (const name of NAMES) {
      const { cumulative = {}, delta = {}, most = 0 } = seen.get(name) ?? {};
      expect(most).toBe(8 * 8 + 1);
      expect(delta).toEqual(cumulative);
      expect(Object.values(cumulative).reduce((sum, count) => sum + count, 0)).toBe(REQUESTS);
    }
  });
});
