import { setTimeout as wait } from "node:timers/promises";
import { flow } from "otel-experiments/flow";
import { afterAll, afterEach, beforeEach, expect, test } from "vitest";
import { orAborted } from "../../project/docs/or-aborted.ts";
import { countsOf, exceptionsIn, NONE, startStage, turns } from "./stage.ts";

// A flow aborts nothing and limits no time: signals of the platform do, and the flow says how that ended.

const stage = startStage();
const checkout = flow(stage.experiments, "checkout");

/** What nobody handled; vitest itself would fail a run for it, but not the test. */
let unhandled: unknown[] = [];
const note = (reason: unknown): void => void unhandled.push(reason);

beforeEach(() => {
  unhandled = [];
  process.on("unhandledRejection", note);
});

afterEach(async () => {
  await turns();
  process.off("unhandledRejection", note);
  stage.clear();
  if (unhandled.length > 0) throw new AggregateError(unhandled, "rejections that nobody handled");
});

afterAll(() => stage.stop());

/** Work that does not listen to the signal. */
function never(signal: AbortSignal): Promise<never> {
  return orAborted(new Promise<never>(() => {}), signal);
}

/** What a promise rejects with. */
async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("it did not reject");
}

/** Each span that has ended, with its status. */
function statuses(): readonly unknown[] {
  return stage.tracing
    .spans()
    .map(({ name, attributes }) => [
      name.replace(/^checkout\./, ""),
      attributes["checkout.step_status"] ?? attributes["checkout.status"],
    ]);
}

test("FLO-70 a time limit that is reached is a timeout of the step and of the flow, on spans and in measurements", async () => {
  const error = await errorOf(checkout.run((step) => step("paying", () => never(AbortSignal.timeout(1)))));
  expect(error).toMatchObject({ name: "TimeoutError" });
  expect(statuses()).toEqual([
    ["step.paying", "timeout"],
    ["process", "timeout"],
  ]);
  expect(exceptionsIn(stage.tracing.spans())).toEqual([["checkout.step.paying", Object(error).message]]);
  expect(stage.span("checkout.step.paying").attributes["error.type"]).toBe("TimeoutError");
  expect(stage.span("checkout.process").attributes["checkout.failure_step"]).toBe("paying");
  expect(countsOf(await stage.points("checkout.completed"))).toEqual([[{ "checkout.status": "timeout", ...NONE }, 1]]);
  expect(countsOf(await stage.points("checkout.step.duration"))).toEqual([
    [{ "checkout.step": "paying", "checkout.step_status": "timeout", ...NONE }, 1],
  ]);
});

test("FLO-71 a time limit around nested steps is a timeout of all of them, and the innermost is to blame", async () => {
  const limit = AbortSignal.timeout(1);
  const error = await errorOf(
    checkout.run((step) => step("paying", ({ step: nested }) => nested("asking", () => never(limit)))),
  );
  expect(error).toBe(limit.reason);
  expect(statuses()).toEqual([
    ["step.asking", "timeout"],
    ["step.paying", "timeout"],
    ["process", "timeout"],
  ]);
  expect(exceptionsIn(stage.tracing.spans())).toHaveLength(1);
  expect(stage.span("checkout.process").attributes["checkout.failure_step"]).toBe("asking");
});

test("FLO-73 a time limit that is caught leaves the flow a success", async () => {
  const result = await checkout.run((step) =>
    step("confirming", () => never(AbortSignal.timeout(1))).catch(() => undefined),
  );
  expect(result).toBeUndefined();
  expect(statuses()).toEqual([
    ["step.confirming", "timeout"],
    ["process", "success"],
  ]);
});

test("FLO-76 a TimeoutError of the user's or a client's is a timeout, and Node's AbortError by a time limit is one too", async () => {
  const mine = Object.assign(new Error("slow"), { name: "TimeoutError" });
  expect(await errorOf(checkout.run((step) => step("paying", () => Promise.reject(mine))))).toBe(mine);
  const limit = AbortSignal.timeout(1);
  const byNode = await errorOf(
    checkout.run((step) => step("paying", () => wait(60_000, undefined, { signal: limit }))),
  );
  expect(byNode).toMatchObject({ name: "AbortError", cause: limit.reason });
  expect(statuses()).toEqual([
    ["step.paying", "timeout"],
    ["process", "timeout"],
    ["step.paying", "timeout"],
    ["process", "timeout"],
  ]);
});

test("FLO-80 an abort that comes out is the status of every part that it passes, and is recorded once, innermost", async () => {
  const stop = new AbortController();
  const called: string[] = [];
  const failed = errorOf(
    checkout.run(async (step) => {
      await step("paying", ({ step: nested }) => nested("asking", () => never(stop.signal))).catch(() => undefined);
      stop.signal.throwIfAborted();
      await step("confirming", () => called.push("confirming"));
    }),
  );
  await turns();
  stop.abort();
  expect(await failed).toBe(stop.signal.reason);
  expect(called).toEqual([]);
  expect(statuses()).toEqual([
    ["step.asking", "aborted"],
    ["step.paying", "aborted"],
    ["process", "aborted"],
  ]);
  expect(exceptionsIn(stage.tracing.spans())).toEqual([["checkout.step.asking", "This operation was aborted"]]);
  expect(stage.span("checkout.process").attributes["checkout.failure_step"]).toBe("asking");
});

test("FLO-81 a step that is not given the signal cleans up after an abort", async () => {
  const stop = new AbortController();
  const released = Promise.withResolvers<void>();
  const failed = errorOf(
    checkout.run(async (step) => {
      try {
        await step("paying", () => never(stop.signal));
      } catch (error) {
        await step("releasing", ({ step: nested }) => nested("asking", () => released.promise));
        throw error;
      }
    }),
  );
  stop.abort();
  await turns();
  released.resolve();
  expect(await failed).toBe(stop.signal.reason);
  expect(statuses()).toEqual([
    ["step.paying", "aborted"],
    ["step.asking", "success"],
    ["step.releasing", "success"],
    ["process", "aborted"],
  ]);
});

test("FLO-82 a flow that catches an abort and gives a result is a success", async () => {
  const stop = new AbortController();
  const result = checkout.run((step) => step("paying", () => never(stop.signal)).catch(() => "saved for later"));
  stop.abort();
  expect(await result).toBe("saved for later");
  expect(stage.span("checkout.process").attributes["checkout.status"]).toBe("success");
});

test("FLO-83 an abort by a reason of the user's own, and an error of their own after one, are failures", async () => {
  const gone = new Error("gone");
  const signal = AbortSignal.abort(gone);
  expect(await errorOf(checkout.run((step) => step("paying", () => never(signal))))).toBe(gone);
  const mine = new Error("mine");
  const failed = checkout.run(async (step) => {
    await step("paying", () => never(AbortSignal.abort())).catch(() => undefined);
    throw mine;
  });
  expect(await errorOf(failed)).toBe(mine);
  const ended = stage.spans("checkout.process").map(({ attributes }) => attributes["checkout.status"]);
  expect(ended).toEqual(["failure", "failure"]);
});

test("FLO-84 a flow that is aborted before its first step has no step to blame, and is measured", async () => {
  const signal = AbortSignal.abort();
  const failed = checkout.run(async (step) => {
    signal.throwIfAborted();
    await step("paying", () => expect.unreachable());
  });
  expect(await errorOf(failed)).toBe(signal.reason);
  expect(exceptionsIn(stage.tracing.spans())).toHaveLength(1);
  expect(stage.span("checkout.process").attributes).toEqual({
    "checkout.status": "aborted",
    "error.type": "AbortError",
  });
  expect(countsOf(await stage.points("checkout.completed"))).toEqual([[{ "checkout.status": "aborted", ...NONE }, 1]]);
  expect(await stage.points("checkout.step.duration")).toEqual([]);
});

test("FLO-87 a failure of one of several parallel steps does nothing to the others", async () => {
  const quoted = Promise.withResolvers<number>();
  const results: Promise<number>[] = [];
  const failed = checkout.run((step) => {
    const quoting = step("quoting", () => quoted.promise);
    results.push(quoting);
    return Promise.all([quoting, step("reserving", () => Promise.reject(new Error("out of stock")))]);
  });
  await expect(failed).rejects.toThrow("out of stock");
  quoted.resolve(5);
  expect(await results[0]).toBe(5);
  expect(statuses()).toEqual([
    ["step.reserving", "failure"],
    ["process", "failure"],
    ["step.quoting", "success"],
  ]);
});

test("FLO-88 parallel steps that one signal aborts are each aborted, and the abort is recorded once", async () => {
  const stop = new AbortController();
  const failed = errorOf(
    checkout.run((step) =>
      Promise.all([step("reserving", () => never(stop.signal)), step("quoting", () => never(stop.signal))]),
    ),
  );
  stop.abort();
  expect(await failed).toBe(stop.signal.reason);
  await turns();
  expect(new Set(statuses())).toEqual(
    new Set([
      ["step.reserving", "aborted"],
      ["step.quoting", "aborted"],
      ["process", "aborted"],
    ]),
  );
  expect(exceptionsIn(stage.tracing.spans())).toHaveLength(1);
});

test("FLO-93 an AbortError of a client's is an abort, and passes as it is", async () => {
  const aborted = Object.assign(new Error("This operation was aborted"), { name: "AbortError" });
  expect(await errorOf(checkout.run((step) => step("paying", () => Promise.reject(aborted))))).toBe(aborted);
  expect(statuses()).toEqual([
    ["step.paying", "aborted"],
    ["process", "aborted"],
  ]);
});

test("FLO-95 a rejection of a step that nobody awaits is unhandled, as without a flow", async () => {
  const mine = new Error("nobody looks");
  await checkout.run((step) => void step("paying", () => Promise.reject(mine)));
  await turns();
  expect(unhandled.splice(0)).toEqual([mine]);
});
