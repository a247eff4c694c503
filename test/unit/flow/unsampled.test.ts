import { trace } from "@opentelemetry/api";
import { AlwaysOffSampler } from "@opentelemetry/sdk-trace";
import { flow } from "otel-experiments/flow";
import { afterAll, expect, test } from "vitest";
import { countsOf, EXPRESS, startStage, turns } from "./stage.ts";

const stage = startStage(new AlwaysOffSampler());
const checkout = flow(stage.experiments, "checkout");

afterAll(() => stage.stop());

test("FLO-180 an unsampled flow measures and does what a sampled one does", async () => {
  const mine = new Error("no");
  const traces = new Set<string | undefined>();
  const failed = stage.serve(() =>
    checkout.run(async (step) => {
      traces.add(trace.getActiveSpan()?.spanContext().traceId);
      expect(await step("validating", () => turns().then(() => "valid"))).toBe("valid");
      await step("paying", ({ step: nested }) =>
        nested("asking", () => {
          traces.add(trace.getActiveSpan()?.spanContext().traceId);
          throw mine;
        }),
      );
    }),
  );
  await expect(failed).rejects.toBe(mine);
  expect(traces.size).toBe(1);
  expect([...traces][0]).toMatch(/^[0-9a-f]{32}$/);
  expect(stage.tracing.spans()).toEqual([]);
  expect(countsOf(await stage.points("checkout.completed"))).toEqual([
    [{ "checkout.status": "failure", ...EXPRESS }, 1],
  ]);
  expect(countsOf(await stage.points("checkout.step.duration"))).toEqual([
    [{ "checkout.step": "validating", "checkout.step_status": "success", ...EXPRESS }, 1],
    [{ "checkout.step": "asking", "checkout.step_status": "failure", ...EXPRESS }, 1],
    [{ "checkout.step": "paying", "checkout.step_status": "failure", ...EXPRESS }, 1],
  ]);
});
