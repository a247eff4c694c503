import { setTimeout as delay } from "node:timers/promises";
import { createExperiments, type Experiments, ExperimentUsageError } from "otel-experiments";
import { integer } from "otel-experiments/fields";
import { runWith } from "otel-experiments/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openRequest } from "../../support/opened-request.ts";
import { startPoints } from "../../support/points.ts";

// `runWith`, by which a unit test of a service's own code says which variants it has.

const CHECKOUT = { checkout: { id: "checkout_1", variants: ["control", "one_click"] } } as const;
const reader = startPoints();
let experiments: Experiments<typeof CHECKOUT>;
const others: Experiments[] = [];

beforeEach(() => {
  experiments = createExperiments({ experiments: CHECKOUT, fields: { seats: integer({ min: 1, max: 9 }) } });
});

afterEach(async () => {
  await Promise.all([experiments, ...others.splice(0)].map((one) => one.close()));
});

function other(options: Parameters<typeof createExperiments>[0]): Experiments {
  const made: Experiments = createExperiments(options);
  others.push(made);
  return made;
}

describe("runWith", () => {
  test("RWI-01 gives the function its variants, and its result comes back", () => {
    const seen = runWith({ checkout: "one_click" }, () => [
      experiments.use("checkout"),
      experiments.variant("checkout"),
    ]);
    expect(seen).toEqual(["one_click", "one_click"]);
    expect(experiments.variant("checkout")).toBeUndefined();
  });

  test("RWI-02 holds over everything that is awaited, and for each of several that run at once", async () => {
    const late = (variant: "control" | "one_click", ms: number) =>
      runWith({ checkout: variant }, async () => {
        await delay(ms);
        return experiments.use("checkout");
      });
    expect(await Promise.all([late("control", 5), late("one_click", 1), late("control", 0)])).toEqual([
      "control",
      "one_click",
      "control",
    ]);
  });

  test("RWI-03 with no variant, or an undefined one, the request has none", () => {
    expect(runWith({}, () => experiments.variant("checkout"))).toBeUndefined();
    expect(runWith({ checkout: undefined }, () => experiments.variant("checkout"))).toBeUndefined();
  });

  test("RWI-04 is a request as any other: assign keeps the variant, exposures and conversions count, fields are set", async () => {
    await runWith({ checkout: "one_click" }, async () => {
      expect(await experiments.assign("checkout", "somebody")).toBe("one_click");
      experiments.use("checkout");
      experiments.convert("order_placed");
      expect(experiments.current().assignments).toEqual([
        { key: "checkout", id: "checkout_1", variant: "one_click", forced: false },
      ]);
    });
    const points = (await reader.metrics()).get("experiment.conversions")?.dataPoints ?? [];
    expect(points).toMatchObject([{ attributes: { "experiment.variant": "one_click" }, value: 1 }]);
  });

  test("RWI-05 inside another one, or inside a request, its own variants count", () => {
    runWith({ checkout: "one_click" }, () => {
      expect(runWith({ checkout: "control" }, () => experiments.variant("checkout"))).toBe("control");
      expect(runWith({}, () => experiments.variant("checkout"))).toBeUndefined();
      expect(experiments.variant("checkout")).toBe("one_click");
    });
    openRequest(experiments).run(() => {
      experiments.record("checkout", "one_click");
      expect(runWith({ checkout: "control" }, () => experiments.variant("checkout"))).toBe("control");
      expect(experiments.variant("checkout")).toBe("one_click");
    });
  });

  test("RWI-06 reaches all instances that declare the experiment, whatever their prefix, and one without a registry", () => {
    const search = other({ experiments: { search: { id: "search_1", variants: ["a", "b"] } }, prefix: "ab." });
    const open = other({ trustInbound: true });
    runWith({ checkout: "one_click", search: "b" }, () => {
      expect(experiments.variant("checkout")).toBe("one_click");
      expect(search.variant("search")).toBe("b");
      expect(open.variant("search")).toBe("b");
      expect(experiments.current().assignments).toHaveLength(1);
    });
  });

  test("RWI-07 the function's error is its own, thrown or rejected", async () => {
    const error = new Error("of the function");
    const fail = (): never => {
      throw error;
    };
    expect(() => runWith({}, fail)).toThrow(error);
    await expect(runWith({}, async () => fail())).rejects.toBe(error);
  });

  test.each([
    ["an unknown experiment", { chekout: "control" }, 'there is no experiment "chekout"; declared are checkout'],
    [
      "an unknown variant",
      { checkout: "two_click" },
      'checkout has no variant "two_click"; declared are control, one_click',
    ],
  ])("RWI-08 %s throws, also where the experiments are not strict", (_, variants, message) => {
    expect(() => runWith(variants, () => 1)).toThrow(new RegExp(message));
    expect(() => runWith(variants, () => 1)).toThrow(ExperimentUsageError);
  });

  test("RWI-09 without a function, without an object, and without experiments it says what is missing", async () => {
    const wrong: unknown = undefined;
    expect(() => runWith({}, wrong as () => void)).toThrow(/got no function/); // why: what JavaScript may give
    expect(() => runWith(wrong as {}, () => 1)).toThrow(/write an object such as/); // why: the same
    await experiments.close();
    expect(() => runWith({}, () => 1)).toThrow(/import the module that calls createExperiments/);
  });
});
