import { diag, type MeterProvider, metrics, trace } from "@opentelemetry/api";
import type { Span, SpanProcessor } from "@opentelemetry/sdk-trace";
import { flow } from "otel-experiments/flow";
import { ExperimentSpanProcessor } from "otel-experiments/sdk";
import { afterAll, afterEach, expect, test, vi } from "vitest";
import { recordDiag } from "../../support/diag.ts";
import { EXPRESS, startStage, turns } from "./stage.ts";

/** A neighbour of ours in the SDK that counts what is written, and fails when it is told to. */
class Neighbour implements SpanProcessor {
  fails: "onStart" | "onEnd" | "attributes" | undefined;
  readonly writes: string[] = [];

  onStart(span: Span): void {
    const { setAttribute, setAttributes } = span;
    span.setAttributes = (attributes) => {
      if (this.fails === "attributes") throw new Error("attributes");
      this.writes.push(...Object.keys(attributes).map((name) => `${span.name} ${name}`));
      return setAttributes.call(span, attributes);
    };
    span.setAttribute = (name, value) => {
      if (this.fails === "attributes") throw new Error("attributes");
      return setAttribute.call(span, name, value);
    };
    if (this.fails === "onStart") throw new Error("onStart");
  }

  onEnd(): void {
    if (this.fails === "onEnd") throw new Error("onEnd");
  }

  async forceFlush(): Promise<void> {}

  async shutdown(): Promise<void> {}
}

const neighbour = new Neighbour();
const stage = startStage(undefined, [neighbour, new ExperimentSpanProcessor()]);
const checkout = flow(stage.experiments, "checkout");

let now = 1e9;

afterEach(() => {
  vi.restoreAllMocks();
  neighbour.fails = undefined;
  neighbour.writes.splice(0);
  stage.clear();
});

afterAll(async () => {
  diag.disable();
  await stage.stop();
});

test("FLO-190 beside ExperimentSpanProcessor the variant is written once to each span", async () => {
  await stage.serve(() => checkout.run((step) => step("paying", () => turns())));
  for (const name of ["checkout.process", "checkout.step.paying"]) {
    expect(stage.span(name).attributes).toMatchObject(EXPRESS);
    expect(neighbour.writes.filter((write) => write === `${name} experiment.variant`)).toHaveLength(1);
  }
});

test.each(["onStart", "onEnd", "attributes"] as const)(
  "FLO-191 a processor whose %s throws costs a flow no result and no error",
  async (fails) => {
    const log = recordDiag();
    vi.spyOn(performance, "now").mockReturnValue((now += 61_000));
    neighbour.fails = fails;
    const mine = new Error("mine");
    const run = (last: () => unknown): Promise<unknown> =>
      checkout.run((step) => step("paying", ({ step: nested }) => nested("asking", last)));
    expect(await run(() => "paid")).toBe("paid");
    await expect(run(() => Promise.reject(mine))).rejects.toBe(mine);
    expect(await checkout.run((step) => step("mailing", () => Promise.reject(mine)).catch(() => "not sent"))).toBe(
      "not sent",
    );
    expect(log.lines).toEqual([expect.stringContaining("the span of a flow")]);
    neighbour.fails = undefined;
    expect((await stage.points("checkout.completed")).map(({ value }) => value)).toEqual([2, 1]);
  },
);

test("FLO-192 a tracer and a meter that throw cost a flow no result and no error", async () => {
  const broken = (): never => {
    throw new Error("broken");
  };
  const instrument = { add: broken, record: broken };
  metrics.disable();
  // why: a MeterProvider of which the flow uses these two
  metrics.setGlobalMeterProvider({
    getMeter: () => ({ createCounter: () => instrument, createHistogram: () => instrument }),
  } as unknown as MeterProvider);
  const other = flow(stage.experiments, "other");
  expect(await other.run((step) => step("paying", () => "paid"))).toBe("paid");
  const { getTracer } = trace;
  for (const broke of [() => ({ startSpan: broken, startActiveSpan: broken }), broken]) {
    trace.getTracer = broke;
    const another = flow(stage.experiments, "another");
    trace.getTracer = getTracer;
    expect(await another.run((step) => step("paying", () => "paid"))).toBe("paid");
  }
  expect(stage.spans("another.process")).toEqual([]);
});
