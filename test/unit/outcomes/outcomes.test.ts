import { createExperiments } from "otel-experiments";
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
    search: { id: "search_1", variants: ["a", "b"], fallback: "a", assigner: () => "c" },
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
