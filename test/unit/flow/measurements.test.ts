import { metrics, trace } from "@opentelemetry/api";
import type { MeterProvider } from "@opentelemetry/sdk-metrics";
import { DataPointType, type MetricData } from "@opentelemetry/sdk-metrics";
import { createExperiments } from "otel-experiments";
import { flow } from "otel-experiments/flow";
import { afterAll, afterEach, expect, test, vi } from "vitest";
import { REGISTRY } from "../../support/experiments.ts";
import { openRequest } from "../../support/opened-request.ts";
import { startPoints } from "../../support/points.ts";
import { countsOf, EXPRESS, EXPRESS_MEMBERS, NONE, startStage } from "./stage.ts";

const stage = startStage();
const checkout = flow(stage.experiments, "checkout");

afterEach(() => {
  vi.restoreAllMocks();
  stage.clear();
});

afterAll(() => stage.stop());

async function fail(): Promise<never> {
  throw new Error("no");
}

test("FLO-60 how flows end and how long they and their steps take is measured with the variant, in seconds", async () => {
  let now = 0;
  vi.spyOn(performance, "now").mockImplementation(() => now);
  const buy = (last: () => unknown): Promise<unknown> =>
    stage.serve(() =>
      checkout.run(async (step) => {
        await step("validating", () => void (now += 20));
        await step("paying", () => {
          now += 1_500;
          return last();
        });
        now += 480;
      }),
    );
  await buy(() => 1);
  await buy(() => 1);
  await buy(fail).catch(() => undefined);
  const status = "checkout.status";
  expect(await stage.points("checkout.completed")).toEqual([
    { attributes: { [status]: "success", ...EXPRESS }, value: 2, count: 1 },
    { attributes: { [status]: "failure", ...EXPRESS }, value: 1, count: 1 },
  ]);
  expect(await stage.points("checkout.duration")).toEqual([
    { attributes: { [status]: "success", ...EXPRESS }, value: 4, count: 2 },
    { attributes: { [status]: "failure", ...EXPRESS }, value: 1.52, count: 1 },
  ]);
  const series = (step: string, ended: string) => ({
    "checkout.step": step,
    "checkout.step_status": ended,
    ...EXPRESS,
  });
  expect(await stage.points("checkout.step.duration")).toEqual([
    { attributes: series("validating", "success"), value: 0.06, count: 3 },
    { attributes: series("paying", "success"), value: 3, count: 2 },
    { attributes: series("paying", "failure"), value: 1.5, count: 1 },
  ]);
});

test("FLO-61 the instruments have units, descriptions and bounds for seconds", async () => {
  const reader = startPoints();
  await checkout.run((step) => step("paying", () => 1));
  const found = await reader.metrics();
  expect([...found.values()].map(({ descriptor }) => [descriptor.name, descriptor.unit])).toEqual([
    ["checkout.step.duration", "s"],
    ["checkout.completed", "{flow}"],
    ["checkout.duration", "s"],
  ]);
  for (const name of ["checkout.duration", "checkout.step.duration"]) {
    const bounds = boundsOf(found.get(name));
    expect(bounds[0]).toBeLessThan(0.05);
    expect(bounds.at(-1)).toBeLessThanOrEqual(60);
    expect(bounds).toEqual(bounds.toSorted((a, b) => a - b));
  }
  for (const { descriptor } of found.values()) expect(descriptor.description).toContain("checkout");
});

test("FLO-62 outside a request, without an assignment and where it is forced, the variant is none", async () => {
  const run = (): Promise<number> => checkout.run((step) => step("paying", () => 1));
  await run();
  await openRequest(stage.experiments).run(run);
  await openRequest(stage.experiments, { header: `${EXPRESS_MEMBERS},experiment.checkout.forced=1` }).run(run);
  expect(countsOf(await stage.points("checkout.duration"))).toEqual([[{ "checkout.status": "success", ...NONE }, 3]]);
  expect(countsOf(await stage.points("checkout.step.duration"))).toEqual([
    [{ "checkout.step": "paying", "checkout.step_status": "success", ...NONE }, 3],
  ]);
});

test("FLO-63 with attribution each, every experiment of the request is measured", async () => {
  const each = flow(stage.experiments, "each", { attribution: "each" });
  await openRequest(stage.experiments, { header: `${EXPRESS_MEMBERS},experiment.search.variant=semantic` }).run(() =>
    each.run((step) => step("paying", () => 1)),
  );
  const pairs = [EXPRESS, { "experiment.id": "search_1", "experiment.variant": "semantic" }];
  expect(await stage.points("each.completed")).toEqual(
    pairs.map((pair) => ({ attributes: { "each.status": "success", ...pair }, value: 1, count: 1 })),
  );
  expect(countsOf(await stage.points("each.step.duration"))).toEqual(
    pairs.map((pair) => [{ "each.step": "paying", "each.step_status": "success", ...pair }, 1]),
  );
});

test("FLO-64 a variant that is assigned within the flow counts from then on", async () => {
  await openRequest(stage.experiments).run(() =>
    checkout.run(async (step) => {
      await step("validating", () => 1);
      stage.experiments.record("checkout", "express");
      await step("paying", () => 1);
    }),
  );
  expect((await stage.points("checkout.step.duration")).map(({ attributes }) => attributes)).toEqual([
    { "checkout.step": "validating", "checkout.step_status": "success", ...NONE },
    { "checkout.step": "paying", "checkout.step_status": "success", ...EXPRESS },
  ]);
  expect((await stage.points("checkout.completed"))[0]?.attributes).toEqual({
    "checkout.status": "success",
    ...EXPRESS,
  });
});

test("FLO-65 of any number of step names, also over flows of one name, 32 are measured and name spans, and other", async () => {
  const names = Array.from({ length: 500 }, (_, i) => `item-${i}`);
  for (const name of names) await flow(stage.experiments, "bounded").run((step) => step(name, () => 1));
  const points = await stage.points("bounded.step.duration");
  expect(points.map(({ attributes }) => attributes["bounded.step"])).toEqual([...names.slice(0, 32), "other"]);
  expect(points.at(-1)?.count).toBe(468);
  const steps = stage.tracing.spans().filter(({ name }) => name !== "bounded.process");
  expect(new Set(steps.map(({ name }) => name)).size).toBe(33);
  expect(steps.map(({ attributes }) => attributes["bounded.step"])).toEqual(names);
});

test("FLO-66 a MeterProvider may come late, go and come again", async () => {
  const experiments = createExperiments({ experiments: REGISTRY });
  metrics.disable();
  const late = flow(experiments, "late");
  const run = (): Promise<number> => late.run((step) => step("paying", () => 1));
  await run();
  stage.clear();
  await run();
  expect(countsOf(await stage.points("late.completed"))).toEqual([[{ "late.status": "success", ...NONE }, 1]]);
  stage.clear();
  await run();
  expect(countsOf(await stage.points("late.step.duration"))).toHaveLength(1);
  await experiments.close();
});

test("FLO-67 measurements are taken in the context of the operation's span, for exemplars", async () => {
  const active: (string | undefined)[] = [];
  const note = (): void => void active.push(trace.getActiveSpan()?.spanContext().spanId);
  metrics.disable();
  const instrument = { add: note, record: note };
  // why: a MeterProvider of which the flow uses these two
  metrics.setGlobalMeterProvider({
    getMeter: () => ({ createCounter: () => instrument, createHistogram: () => instrument }),
  } as unknown as MeterProvider);
  await checkout.run((step) => step("paying", () => 1));
  const [step, process] = ["checkout.step.paying", "checkout.process"].map(
    (name) => stage.span(name).spanContext().spanId,
  );
  expect(active).toEqual([step, process, process]);
});

/** The bounds of a histogram's buckets, as they are exported. */
function boundsOf(metric: MetricData | undefined): readonly number[] {
  if (metric?.dataPointType !== DataPointType.HISTOGRAM) throw new Error("it is no histogram");
  return metric.dataPoints[0]?.value.buckets.boundaries ?? [];
}
