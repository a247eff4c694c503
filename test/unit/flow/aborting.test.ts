import { flow } from "otel-experiments/flow";
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { countsOf, exceptionsIn, isError, NONE, startStage, turns } from "./stage.ts";

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

function never(): Promise<never> {
  return new Promise(() => {});
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

describe("a time limit", () => {
  test("FLO-70 rejects with a TimeoutError, though the function does not listen, and drops what it comes to", async () => {
    const late = Promise.withResolvers<string>();
    const error = await errorOf(checkout.run((step) => step("paying", () => late.promise, { timeLimitMs: 1 })));
    expect(error).toBeInstanceOf(DOMException);
    expect(error).toMatchObject({ name: "TimeoutError", message: "paying took longer than 1 ms" });
    late.reject(new Error("much later"));
    await turns();
    expect(statuses()).toEqual([
      ["step.paying", "timeout"],
      ["process", "timeout"],
    ]);
    expect(exceptionsIn(stage.tracing.spans())).toEqual([["checkout.step.paying", "paying took longer than 1 ms"]]);
    expect(stage.span("checkout.step.paying").attributes["error.type"]).toBe("TimeoutError");
    expect(stage.span("checkout.process").attributes["checkout.failure_step"]).toBe("paying");
    expect(countsOf(await stage.points("checkout.completed"))).toEqual([
      [{ "checkout.status": "timeout", ...NONE }, 1],
    ]);
    expect(countsOf(await stage.points("checkout.step.duration"))).toEqual([
      [{ "checkout.step": "paying", "checkout.step_status": "timeout", ...NONE }, 1],
    ]);
  });

  test("FLO-71 aborts the signal of the function with that error, and of the steps within it, which end first", async () => {
    const reasons: unknown[] = [];
    const error = await errorOf(
      checkout.run((step) =>
        step(
          "paying",
          async ({ signal, step: nested }) => {
            signal.addEventListener("abort", () => reasons.push(signal.reason));
            await nested("asking", ({ signal: inner }) => {
              inner.addEventListener("abort", () => reasons.push(inner.reason));
              return never();
            });
          },
          { timeLimitMs: 1 },
        ),
      ),
    );
    expect(reasons).toEqual([error, error]);
    expect(statuses()).toEqual([
      ["step.asking", "timeout"],
      ["step.paying", "timeout"],
      ["process", "timeout"],
    ]);
    expect(exceptionsIn(stage.tracing.spans())).toHaveLength(1);
    expect(stage.span("checkout.process").attributes["checkout.failure_step"]).toBe("asking");
  });

  test("FLO-72 that is not reached changes nothing, and leaves no timer", async () => {
    const [started, cleared] = [vi.spyOn(globalThis, "setTimeout"), vi.spyOn(globalThis, "clearTimeout")];
    let kept: AbortSignal | undefined;
    const result = await checkout.run((step) =>
      step("paying", ({ signal }) => ((kept = signal), "paid"), { timeLimitMs: 60_000 }),
    );
    expect(result).toBe("paid");
    const timer = started.mock.calls.findIndex(([, ms]) => ms === 60_000);
    expect(cleared.mock.calls.flat()).toContain(started.mock.results[timer]?.value);
    vi.restoreAllMocks();
    expect(kept?.aborted).toBe(false);
  });

  test("FLO-73 on an optional step gives undefined", async () => {
    expect(await checkout.run((step) => step("confirming", never, { optional: true, timeLimitMs: 1 }))).toBeUndefined();
    expect(statuses()).toEqual([
      ["step.confirming", "timeout"],
      ["process", "success"],
    ]);
  });

  test("FLO-74 may be longer than a timer can be", async () => {
    for (const timeLimitMs of [Number.POSITIVE_INFINITY, 2 ** 31, Number.MAX_SAFE_INTEGER]) {
      expect(await checkout.run((step) => step("paying", () => turns(), { timeLimitMs }))).toBeUndefined();
    }
    expect(stage.tracing.spans().some(isError)).toBe(false);
  });

  test("FLO-75 of a step that nobody awaits ends no process", async () => {
    await checkout.run((step) => {
      void step("paying", ({ step: nested }) => nested("asking", never, { timeLimitMs: 1 }));
      return step("waiting", never, { timeLimitMs: 5 }).catch(() => undefined);
    });
    await turns();
    expect(statuses()).toContainEqual(["step.asking", "timeout"]);
  });

  test("FLO-76 of the user's own, of a signal or a client, is a timeout too", async () => {
    const mine = Object.assign(new Error("slow"), { name: "TimeoutError" });
    expect(await errorOf(checkout.run((step) => step("paying", () => Promise.reject(mine))))).toBe(mine);
    const signal = AbortSignal.timeout(1);
    expect(await errorOf(checkout.run((step) => step("paying", never, { signal })))).toBe(signal.reason);
    const whole = AbortSignal.timeout(1);
    expect(await errorOf(checkout.run((step) => step("paying", never), { signal: whole }))).toBe(whole.reason);
    expect(statuses().map((each) => (Array.isArray(each) ? each[1] : each))).toEqual(Array(6).fill("timeout"));
  });
});

describe("aborting a flow", () => {
  test("FLO-80 rejects the steps that run with its reason, innermost first, and leaves out those that would begin", async () => {
    const stop = new AbortController();
    const reason = new Error("gone");
    const called: string[] = [];
    const failed = errorOf(
      checkout.run(
        async (step) => {
          const paying = step("paying", ({ step: nested }) => nested("asking", never));
          const caught = await errorOf(paying);
          expect(caught).toBe(reason);
          expect(await errorOf(step("confirming", () => called.push("confirming")))).toBe(reason);
          expect(await step("mailing", () => called.push("mailing"), { optional: true })).toBeUndefined();
          throw caught;
        },
        { signal: stop.signal },
      ),
    );
    await turns();
    stop.abort(reason);
    expect(await failed).toBe(reason);
    expect(called).toEqual([]);
    expect(statuses()).toEqual([
      ["step.asking", "aborted"],
      ["step.paying", "aborted"],
      ["process", "aborted"],
    ]);
    expect(exceptionsIn(stage.tracing.spans())).toEqual([["checkout.step.asking", "gone"]]);
    expect(stage.span("checkout.process").attributes["checkout.failure_step"]).toBe("asking");
  });

  test("FLO-81 does not stop what runs even then, nor what it is made of", async () => {
    const stop = new AbortController();
    const released = Promise.withResolvers<void>();
    const aborted: boolean[] = [];
    const failed = errorOf(
      checkout.run(
        async (step) => {
          try {
            await step("paying", never);
          } catch (error) {
            await step(
              "releasing",
              async ({ step: nested, signal }) => {
                await nested("asking", () => released.promise);
                aborted.push(signal.aborted);
              },
              { evenIfAborted: true },
            );
            throw error;
          }
        },
        { signal: stop.signal },
      ),
    );
    stop.abort();
    await turns();
    released.resolve();
    expect(await failed).toBe(stop.signal.reason);
    expect(aborted).toEqual([false]);
    expect(statuses()).toEqual([
      ["step.paying", "aborted"],
      ["step.asking", "success"],
      ["step.releasing", "success"],
      ["process", "aborted"],
    ]);
  });

  test("FLO-82 that catches and gives a result is a success", async () => {
    const stop = new AbortController();
    const result = checkout.run((step) => step("paying", never).catch(() => "saved for later"), {
      signal: stop.signal,
    });
    stop.abort();
    expect(await result).toBe("saved for later");
    expect(stage.span("checkout.process").attributes["checkout.status"]).toBe("success");
  });

  test("FLO-83 that fails with an error of its own then is aborted, or a timeout by the reason", async () => {
    const stop = new AbortController();
    const mine = new Error("mine");
    const run = (signal: AbortSignal): Promise<unknown> =>
      errorOf(
        checkout.run(
          async (step) => {
            await step("paying", never).catch(() => undefined);
            throw mine;
          },
          { signal },
        ),
      );
    const failed = run(stop.signal);
    stop.abort();
    expect(await failed).toBe(mine);
    expect(await run(AbortSignal.timeout(1))).toBe(mine);
    const ended = stage.spans("checkout.process").map(({ attributes }) => attributes["checkout.status"]);
    expect(ended).toEqual(["aborted", "timeout"]);
  });

  test("FLO-84 before it begins refuses its steps, and the flow is measured", async () => {
    const signal = AbortSignal.abort();
    expect(await errorOf(checkout.run((step) => step("paying", () => expect.unreachable()), { signal }))).toBe(
      signal.reason,
    );
    expect(statuses()).toEqual([["process", "aborted"]]);
    expect(exceptionsIn(stage.tracing.spans())).toHaveLength(1);
    expect(stage.span("checkout.process").attributes).toEqual({
      "checkout.status": "aborted",
      "error.type": "AbortError",
    });
    expect(await stage.points("checkout.step.duration")).toEqual([]);
  });

  test("FLO-85 reaches nothing when the flow has ended, and holds nothing of it", async () => {
    const stop = new AbortController();
    const late = Promise.withResolvers<string>();
    const left: Promise<string>[] = [];
    await checkout.run((step) => void left.push(step("confirming", () => late.promise)), { signal: stop.signal });
    stop.abort();
    late.resolve("sent");
    expect(await left[0]).toBe("sent");
    expect(statuses()).toEqual([
      ["process", "success"],
      ["step.confirming", "success"],
    ]);
  });

  test("FLO-86 of parallel steps that nobody waits for any more ends no process, with any reason", async () => {
    for (const reason of [undefined, "gone", new Error("gone")]) {
      const stop = new AbortController();
      const failed = errorOf(
        checkout.run(
          async (step) => {
            const [first, second] = [
              step("reserving", never),
              step("quoting", ({ step: nested }) => nested("asking", never)),
            ];
            await first;
            await second;
          },
          { signal: stop.signal },
        ),
      );
      stop.abort(reason);
      expect(await failed).toBe(stop.signal.reason);
    }
    void checkout.run((step) => step("paying", never), { signal: AbortSignal.abort() });
    await turns();
  });

  test("FLO-87 is not what a failure of one of several parallel steps does to the others", async () => {
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
});

describe("a signal of a step", () => {
  test("FLO-90 aborts that step alone, and is let go of with it", async () => {
    const skip = new AbortController();
    const result = await checkout.run(async (step) => {
      const mailing = step("mailing", never, { signal: skip.signal, optional: true });
      const paying = step("paying", () => turns());
      skip.abort();
      await paying;
      return mailing;
    });
    expect(result).toBeUndefined();
    expect(statuses()).toEqual([
      ["step.mailing", "aborted"],
      ["step.paying", "success"],
      ["process", "success"],
    ]);
  });

  test("FLO-91 may be aborted by the step's function itself", async () => {
    const stop = new AbortController();
    const error = await errorOf(
      checkout.run((step) =>
        step(
          "paying",
          () => {
            stop.abort();
            return "paid";
          },
          { signal: stop.signal },
        ),
      ),
    );
    expect(error).toBe(stop.signal.reason);
    expect(stage.spans("checkout.step.paying")).toHaveLength(1);
  });

  test("FLO-92 that is none aborts nothing and breaks nothing", async () => {
    for (const signal of [null, undefined, {}, "no", { addEventListener() {} }]) {
      // why: what a caller without types may give
      const options = { signal: signal as never };
      expect(await checkout.run((step) => step("paying", () => "paid", options), options)).toBe("paid");
    }
  });

  test("FLO-93 an AbortError of a client's is an abort, and passes as it is", async () => {
    const aborted = Object.assign(new Error("This operation was aborted"), { name: "AbortError" });
    expect(await errorOf(checkout.run((step) => step("paying", () => Promise.reject(aborted))))).toBe(aborted);
    expect(statuses()).toEqual([
      ["step.paying", "aborted"],
      ["process", "aborted"],
    ]);
  });

  test("FLO-94 is listened to no longer than its step runs", async () => {
    const stop = new AbortController();
    let [added, removed] = [0, 0];
    const { addEventListener, removeEventListener } = stop.signal;
    stop.signal.addEventListener = function (...args: Parameters<typeof addEventListener>) {
      added++;
      return addEventListener.apply(this, args);
    };
    stop.signal.removeEventListener = function (...args: Parameters<typeof removeEventListener>) {
      removed++;
      return removeEventListener.apply(this, args);
    };
    await checkout.run(async (step) => {
      for (let i = 0; i < 200; i++) await step("paying", () => i, { signal: stop.signal });
      await step("failing", () => Promise.reject(new Error("no")), { signal: stop.signal, optional: true });
    });
    expect([added, removed]).toEqual([201, 201]);
  });
});

describe("an error of the user's that nobody awaits", () => {
  test("FLO-95 is an unhandled rejection, as without a flow", async () => {
    const mine = new Error("nobody looks");
    await checkout.run((step) => void step("paying", () => Promise.reject(mine)));
    await turns();
    expect(unhandled.splice(0)).toEqual([mine]);
  });
});
