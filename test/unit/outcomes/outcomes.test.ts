import { setImmediate as immediate } from "node:timers/promises";
import { type Conversion, createExperiments, type Exposure } from "otel-experiments";
import { afterAll, describe, expect, test } from "vitest";
import { recordDiag } from "../../support/diag.ts";
import { openRequest } from "../../support/opened-request.ts";
import { startPoints } from "../../support/points.ts";

// What outcomes may be worth and called, whatever an application hands on from its clients.

const diagnosed = recordDiag();
const reader = startPoints();
const experiments = createExperiments({
  experiments: {
    checkout: { id: "checkout_1", variants: ["express"] },
    search: { id: "search_1", variants: ["a", "b"], fallback: "a", assigner: (): string => "c" },
  },
  strict: false,
});
afterAll(() => experiments.close());

/** The names and counts of conversions so far. */
async function conversions(): Promise<ReadonlyMap<unknown, number>> {
  const points = (await reader.metrics()).get("experiment.conversions")?.dataPoints ?? [];
  return new Map(points.map(({ attributes, value }) => [attributes["experiment.conversion"], Number(value)]));
}

/** One request whose subject was exposed. */
const exposed = (then: () => void) =>
  openRequest(experiments).run(async () => {
    await experiments.assign("checkout", "user-7");
    experiments.use("checkout");
    then();
  });

describe("a conversion", () => {
  test("CVN-01 is worth what a histogram takes: anything else is a mistake, and counts nothing", async () => {
    const text: unknown = "5";
    await exposed(() => {
      for (const value of [Number.NaN, Infinity, -Infinity, -1, text]) {
        experiments.convert("wrong", { value: value as number }); // why: what JavaScript may give
      }
      for (const value of [0, -0, 0.01, Number.MAX_VALUE, Number.MAX_VALUE]) experiments.convert("right", { value });
    });
    const counts = await conversions();
    expect(counts.get("wrong")).toBeUndefined();
    expect(counts.get("right")).toBe(5);
    expect(diagnosed.lines.join()).toContain("finite number");
    expect(diagnosed.lines.join()).not.toMatch(/negative value provided/);
  });

  test("CVN-07 with a misspelt option counts, and the mistake is said with the right name", async () => {
    diagnosed.take();
    const misspelt: object = { vaule: 3 };
    await exposed(() => experiments.convert("misspelt", misspelt));
    expect(diagnosed.take().join()).toContain('the option "vaule" of convert(name, options) is unknown; did you mean');
    expect((await conversions()).get("misspelt")).toBe(1);
  });

  test("CVN-02 counts for no fallback, exposed or named", async () => {
    await openRequest(experiments).run(async () => {
      expect(await experiments.assign("search", "user-7")).toBe("a");
      expect(experiments.use("search")).toBe("a");
      experiments.convert("found");
      experiments.convert("found", { experiment: "search" });
    });
    expect((await conversions()).get("found")).toBeUndefined();
  });

  test("CVN-03 has one of 64 names, whatever it is called, and a name that is none counts nothing", async () => {
    await exposed(() => {
      for (const name of ["order placed", "", "é", "a".repeat(65), "__proto__"]) experiments.convert(name);
      for (let i = 0; i < 500; i++) experiments.convert(`sent_by_client_${i}`);
      for (const name of ["constructor", "toString"]) experiments.convert(name);
    });
    const counts = await conversions();
    expect(counts.size).toBeLessThanOrEqual(65);
    expect(counts.get("other")).toBeGreaterThan(400);
  });
});

describe("the callbacks of a warehouse", () => {
  const REGISTRY = {
    checkout: { id: "checkout_1", variants: ["express"] },
    search: { id: "search_1", variants: ["a", "b"], fallback: "a", assigner: (): string => "c" },
  } as const;

  test("CVN-04 get each exposure once, and each conversion for each assignment that it counts for", async () => {
    const exposures: Exposure[] = [];
    const converted: Conversion[] = [];
    const warehouse = createExperiments({
      experiments: { ...REGISTRY, banner: { id: "banner_1", variants: ["on"] } },
      primary: "checkout",
      recordSubject: "plain",
      onExposure: (exposure) => exposures.push(exposure),
      onConversion: (conversion) => converted.push(conversion),
    });
    await openRequest(warehouse).run(async () => {
      await warehouse.assign("checkout", "user-7");
      warehouse.convert("before exposure".replaceAll(" ", "_"));
      warehouse.use("checkout");
      warehouse.use("checkout");
      warehouse.record("banner", "on");
      warehouse.use("banner");
      await warehouse.assign("search", "user-7");
      warehouse.use("search"); // A fallback counts for nothing.
      warehouse.convert("order_placed", { value: 49.9 });
      warehouse.convert("called", { experiment: "checkout" });
    });
    const checkout = { key: "checkout", id: "checkout_1", variant: "express", subject: "user-7" };
    const banner = { key: "banner", id: "banner_1", variant: "on" };
    expect(exposures).toEqual([checkout, banner]);
    expect(converted).toEqual([
      { ...checkout, name: "order_placed", value: 49.9 },
      { ...banner, name: "order_placed", value: 49.9 },
      { ...checkout, name: "called" },
    ]);
    await warehouse.close();
  });

  test("CVN-05 that throw or reject change nothing, which is said once", async () => {
    diagnosed.take();
    const warehouse = createExperiments({
      experiments: REGISTRY,
      strict: true,
      onExposure: () => {
        throw new Error("full");
      },
      onConversion: () => Promise.reject(new Error("away")),
    });
    await openRequest(warehouse).run(async () => {
      await warehouse.assign("checkout", "user-7");
      expect(warehouse.use("checkout")).toBe("express");
      warehouse.convert("order_placed");
      await immediate();
    });
    expect(diagnosed.take()).toEqual(["warn: otel-experiments: onExposure failed"]);
    await warehouse.close();
  });

  test("CVN-06 that are no functions are refused at set-up", () => {
    const wrong: unknown = "warehouse";
    for (const option of ["onExposure", "onConversion"]) {
      expect(() => createExperiments({ experiments: REGISTRY, [option]: wrong })).toThrow(
        `${option} is "warehouse"; write a function`,
      );
    }
  });
});
