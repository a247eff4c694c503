import { AsyncResource } from "node:async_hooks";
import { context, createContextKey, ROOT_CONTEXT, SpanKind, trace } from "@opentelemetry/api";
import { RPCType, setRPCMetadata, suppressTracing } from "@opentelemetry/core";
import { createExperiments } from "otel-experiments";
import { flow, type Step } from "otel-experiments/flow";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { orAborted } from "../../project/docs/or-aborted.ts";
import { REGISTRY } from "../../support/experiments.ts";
import { openRequest } from "../../support/opened-request.ts";
import { EXPRESS, EXPRESS_MEMBERS, exceptionsIn, isError, startStage, turns } from "./stage.ts";

const stage = startStage();
const checkout = flow(stage.experiments, "checkout");
const tracer = trace.getTracer("test");

afterEach(() => stage.clear());

afterAll(() => stage.stop());

const DECLINED = new Error("card declined");

async function decline(): Promise<never> {
  await turns();
  throw DECLINED;
}

describe("the spans of a flow", () => {
  test("FLO-01 are checkout.process and, below it, one for each step, with the variant", async () => {
    await stage.serve(() =>
      checkout.run(async (step) => {
        await step("validating_cart", () => turns());
        await step("processing_payment", () => 1);
      }),
    );
    const process = stage.span("checkout.process");
    expect(process.kind).toBe(SpanKind.INTERNAL);
    expect(process.attributes).toEqual({
      "checkout.step": "processing_payment",
      "checkout.status": "success",
      ...EXPRESS,
    });
    const steps = stage.tracing.spans().filter((span) => span !== process);
    expect(steps.map(({ name }) => name)).toEqual([
      "checkout.step.validating_cart",
      "checkout.step.processing_payment",
    ]);
    for (const step of steps) expect(step.parentSpanContext?.spanId).toBe(process.spanContext().spanId);
    expect(steps.map(({ attributes }) => attributes)).toEqual([
      { "checkout.step": "validating_cart", "checkout.step_status": "success", ...EXPRESS },
      { "checkout.step": "processing_payment", "checkout.step_status": "success", ...EXPRESS },
    ]);
    expect(stage.tracing.spans().some(isError)).toBe(false);
  });

  test("FLO-02 have the flow's name in theirs, and in their attributes", async () => {
    const returns = flow(stage.experiments, "shop.returns");
    await returns.run((step) => step("printing_label", decline)).catch(() => undefined);
    expect(stage.span("shop.returns.process").attributes).toEqual({
      "shop.returns.step": "printing_label",
      "shop.returns.status": "failure",
      "shop.returns.failure_step": "printing_label",
      "error.type": "Error",
    });
    expect(stage.span("shop.returns.step.printing_label").attributes).toMatchObject({
      "shop.returns.step": "printing_label",
      "shop.returns.step_status": "failure",
    });
  });

  test("FLO-03 nest as the steps do, whichever step function they are made by, and below the user's own spans", async () => {
    await checkout.run(async (outer) => {
      await outer("paying", async ({ step }) => {
        await step("authorizing", () => turns());
        await outer("capturing", () => turns());
        await tracer.startActiveSpan("bank", async (bank) => {
          await step("settling", () => turns());
          bank.end();
        });
      });
      await outer("confirming", () => turns());
    });
    const parent = (name: string): string | undefined => {
      const { parentSpanContext } = stage.span(name);
      return stage.tracing.spans().find((span) => span.spanContext().spanId === parentSpanContext?.spanId)?.name;
    };
    expect(parent("checkout.step.authorizing")).toBe("checkout.step.paying");
    expect(parent("checkout.step.capturing")).toBe("checkout.step.paying");
    expect(parent("bank")).toBe("checkout.step.paying");
    expect(parent("checkout.step.settling")).toBe("bank");
    expect(parent("checkout.step.confirming")).toBe("checkout.process");
    expect(parent("checkout.process")).toBeUndefined();
  });

  test("FLO-04 are the active ones while their functions run, before and after these wait", async () => {
    const active = (): string | undefined => trace.getActiveSpan()?.spanContext().spanId;
    const seen: (string | undefined)[] = [];
    await checkout.run(async (step) => {
      seen.push(active());
      await step("paying", async () => {
        seen.push(active());
        await turns();
        seen.push(active());
      });
      seen.push(active());
    });
    const [process, step] = [stage.span("checkout.process"), stage.span("checkout.step.paying")].map(
      (span) => span.spanContext().spanId,
    );
    expect(seen).toEqual([process, step, step, process]);
    expect(active()).toBeUndefined();
  });

  test("FLO-05 find their parents where OpenTelemetry's context is lost", async () => {
    const server = tracer.startSpan("GET /", { kind: SpanKind.SERVER });
    const served = setRPCMetadata(trace.setSpan(ROOT_CONTEXT, server), { type: RPCType.HTTP, span: server });
    const { run } = context.with(served, () => openRequest(stage.experiments, { header: EXPRESS_MEMBERS }));
    await context.with(served, () =>
      run(() =>
        context.with(ROOT_CONTEXT, () =>
          checkout.run((step) =>
            step("paying", ({ step: nested }) => context.with(ROOT_CONTEXT, () => nested("authorizing", () => 1))),
          ),
        ),
      ),
    );
    server.end();
    const process = stage.span("checkout.process");
    const paying = stage.span("checkout.step.paying");
    expect(process.parentSpanContext?.spanId).toBe(server.spanContext().spanId);
    expect(paying.parentSpanContext?.spanId).toBe(process.spanContext().spanId);
    expect(stage.span("checkout.step.authorizing").parentSpanContext?.spanId).toBe(paying.spanContext().spanId);
  });

  test("FLO-06 end once, also those of steps that nobody awaits, also when the request is over before", async () => {
    const request = openRequest(stage.experiments, { header: EXPRESS_MEMBERS });
    const late = Promise.withResolvers<string>();
    const left: Promise<string>[] = [];
    const done = request.run(() =>
      checkout.run(async (step) => {
        request.close();
        left.push(step("sending_confirmation", () => late.promise));
        await step("paying", () => turns());
      }),
    );
    await done;
    expect(stage.span("checkout.process").attributes).toMatchObject({ "checkout.status": "success", ...EXPRESS });
    expect(stage.spans("checkout.step.sending_confirmation")).toEqual([]);
    late.resolve("sent");
    expect(await left[0]).toBe("sent");
    const confirmation = stage.span("checkout.step.sending_confirmation");
    expect(confirmation.attributes).toMatchObject({ "checkout.step_status": "success", ...EXPRESS });
    expect(stage.tracing.spans()).toHaveLength(3);
  });

  test("FLO-07 may begin when the flow has ended, below its span", async () => {
    const kept: Step[] = [];
    await checkout.run((step) => void kept.push(step));
    expect(await kept[0]?.("late", () => 7)).toBe(7);
    const process = stage.span("checkout.process");
    expect(stage.span("checkout.step.late").parentSpanContext?.spanId).toBe(process.spanContext().spanId);
    expect(process.attributes).toEqual({ "checkout.status": "success" });
  });

  test("FLO-08 are not made where tracing is suppressed, and the flow does the same", async () => {
    const result = await context.with(suppressTracing(context.active()), () =>
      checkout.run((step) => step("paying", () => "paid")),
    );
    const partly = await checkout.run((step) =>
      context.with(suppressTracing(context.active()), () => step("paying", () => "paid")),
    );
    expect([result, partly]).toEqual(["paid", "paid"]);
    expect(stage.tracing.spans().map(({ name }) => name)).toEqual(["checkout.process"]);
  });

  test("FLO-10 belong to the flow whose step function was called, also within a flow that has nothing to do with it", async () => {
    const other = flow(stage.experiments, "returns");
    const gate = Promise.withResolvers<Step>();
    const end = Promise.withResolvers<void>();
    const first = checkout.run((step) => {
      gate.resolve(step);
      return end.promise;
    });
    const checkoutStep = await gate.promise;
    await other.run((step) => step("picking", () => checkoutStep("paying", () => 1)));
    end.resolve();
    await first;
    expect(stage.span("checkout.step.paying").parentSpanContext?.spanId).toBe(
      stage.span("checkout.process").spanContext().spanId,
    );
  });

  test("FLO-11 pass over what another copy of this package keeps in the context", async () => {
    const key = createContextKey("otel-experiments flow part");
    const foreign = context.active().setValue(key, { of: "another copy" });
    expect(await context.with(foreign, () => checkout.run((step) => step("paying", () => "paid")))).toBe("paid");
    expect(stage.span("checkout.step.paying").parentSpanContext?.spanId).toBe(
      stage.span("checkout.process").spanContext().spanId,
    );
  });

  test("FLO-09 of two interleaved flows and of a flow within a flow are each their own", async () => {
    const other = flow(stage.experiments, "returns");
    const gate = Promise.withResolvers<void>();
    const first = checkout.run(async (step) => {
      await step("paying", () => gate.promise);
      return step("refunding", () => other.run((inner) => inner("labelling", () => 2)));
    });
    const second = other.run(async (step) => {
      await step("picking", () => turns());
      gate.resolve();
      return 1;
    });
    expect(await Promise.all([first, second])).toEqual([2, 1]);
    const nested = stage.spans("returns.process").find(({ parentSpanContext }) => parentSpanContext !== undefined);
    expect(nested?.parentSpanContext?.spanId).toBe(stage.span("checkout.step.refunding").spanContext().spanId);
    expect(stage.span("returns.step.labelling").parentSpanContext?.spanId).toBe(nested?.spanContext().spanId);
    expect(stage.span("checkout.process").attributes).toEqual({
      "checkout.step": "refunding",
      "checkout.status": "success",
    });
    const traces = new Set(stage.tracing.spans().map((span) => span.spanContext().traceId));
    expect(traces.size).toBe(2);
  });
});

describe("checkout.step", () => {
  test("FLO-20 is the step that began last among those that run, and stays where none does", async () => {
    const shown: unknown[] = [];
    const [slow, quick] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    await checkout.run(async (step) => {
      const span = trace.getActiveSpan();
      const look = (): void =>
        void shown.push(span === undefined ? "none" : Reflect.get(span, "attributes")?.["checkout.step"]);
      look();
      const first = step("reserving", () => slow.promise);
      look();
      const second = step("quoting", () => quick.promise);
      look();
      quick.resolve();
      await second;
      look();
      slow.resolve();
      await first;
      look();
      await step("paying", async ({ step: nested }) => {
        await nested("authorizing", look);
        look();
      });
      look();
    });
    expect(shown).toEqual([
      undefined,
      "reserving",
      "quoting",
      "reserving",
      "reserving",
      "authorizing",
      "paying",
      "paying",
    ]);
  });
});

describe("a failure", () => {
  test("FLO-30 is recorded once, on the innermost step, and names it; every span that it passes is an error", async () => {
    const failed = checkout.run((step) =>
      step("paying", ({ step: nested }) => nested("authorizing", ({ step: deep }) => deep("asking_bank", decline))),
    );
    await expect(failed).rejects.toBe(DECLINED);
    expect(exceptionsIn(stage.tracing.spans())).toEqual([["checkout.step.asking_bank", "card declined"]]);
    expect(stage.tracing.spans()).toHaveLength(4);
    for (const span of stage.tracing.spans()) {
      expect(isError(span)).toBe(true);
      expect(span.status.message).toBe("card declined");
      expect(span.attributes["error.type"]).toBe("Error");
    }
    expect(stage.span("checkout.process").attributes).toMatchObject({
      "checkout.status": "failure",
      "checkout.failure_step": "asking_bank",
    });
  });

  test("FLO-31 outside of any step is the flow's own", async () => {
    const failed = checkout.run(async (step) => {
      await step("paying", () => 1);
      throw DECLINED;
    });
    await expect(failed).rejects.toBe(DECLINED);
    expect(exceptionsIn(stage.tracing.spans())).toEqual([["checkout.process", "card declined"]]);
    expect(stage.span("checkout.process").attributes).not.toHaveProperty("checkout.failure_step");
    expect(isError(stage.span("checkout.step.paying"))).toBe(false);
  });

  test("FLO-32 that is caught leaves the flow a success, and one that comes later names its own step", async () => {
    const wrong = new Error("out of stock");
    const failed = checkout.run(async (step) => {
      await step("paying", decline).catch(() => undefined);
      await step("reserving", () => Promise.reject(wrong));
    });
    await expect(failed).rejects.toBe(wrong);
    expect(stage.span("checkout.process").attributes["checkout.failure_step"]).toBe("reserving");
    await checkout.run((step) => step("paying", decline).catch(() => undefined));
    expect(stage.spans("checkout.process")[1]?.attributes).not.toHaveProperty("checkout.failure_step");
    expect(stage.spans("checkout.process").map(isError)).toEqual([true, false]);
  });

  test("FLO-33 by one error object that is thrown again and again is the last step's", async () => {
    const failed = checkout.run(async (step) => {
      await step("paying", decline).catch(() => undefined);
      await step("paying_again", decline);
    });
    await expect(failed).rejects.toBe(DECLINED);
    expect(stage.span("checkout.process").attributes["checkout.failure_step"]).toBe("paying_again");
    expect(exceptionsIn(stage.tracing.spans())).toEqual([
      ["checkout.step.paying", "card declined"],
      ["checkout.step.paying_again", "card declined"],
    ]);
  });

  test("FLO-34 that the user wraps names the step of its cause, and the wrapper is an exception of its own", async () => {
    const failed = checkout.run(async (step) => {
      await step("paying", decline).catch((cause: unknown) => {
        throw new Error("no order", { cause: new TypeError("no payment", { cause }) });
      });
    });
    await expect(failed).rejects.toThrow("no order");
    expect(stage.span("checkout.process").attributes["checkout.failure_step"]).toBe("paying");
    expect(exceptionsIn(stage.tracing.spans())).toEqual([
      ["checkout.step.paying", "card declined"],
      ["checkout.process", "no order"],
    ]);
  });

  test("FLO-35 may have a circle of causes, getters that throw, no prototype", async () => {
    const circle = new Error("circle");
    circle.cause = circle;
    const hostile = Object.defineProperties(Object.create(null), {
      cause: { get: () => expect.unreachable() },
      name: {
        get() {
          throw new Error("no name");
        },
      },
      message: { value: "hostile" },
    }) as object; // why: a null prototype is an object
    const frozen = Object.freeze({ message: "frozen" });
    for (const thrown of [circle, hostile, frozen]) {
      await expect(checkout.run((step) => step("paying", () => Promise.reject(thrown)))).rejects.toBe(thrown);
    }
    expect(stage.spans("checkout.step.paying").map(isError)).toEqual([true, true, true]);
  });

  test.each([["text"], [7], [undefined], [null], [Symbol("s")], [{}], [[]]])(
    "FLO-36 of %s is an exception too, and reaches the caller as it is",
    async (thrown: unknown) => {
      const failed = checkout.run((step) =>
        step("paying", ({ step: nested }) => nested("asking", () => Promise.reject(thrown))),
      );
      await expect(failed.catch((error: unknown) => ({ error }))).resolves.toEqual({ error: thrown });
      expect(exceptionsIn(stage.tracing.spans())).toHaveLength(1);
      expect(exceptionsIn(stage.tracing.spans())[0]?.[0]).toBe("checkout.step.asking");
      expect(stage.tracing.spans().filter(isError)).toHaveLength(3);
      expect(stage.span("checkout.process").attributes["checkout.failure_step"]).toBe("asking");
    },
  );

  test("FLO-37 passes through a flow within a flow, recorded once, and each flow names its own step", async () => {
    const bank = flow(stage.experiments, "bank");
    const failed = checkout.run((step) => step("paying", () => bank.run((inner) => inner("debiting", decline))));
    await expect(failed).rejects.toBe(DECLINED);
    expect(exceptionsIn(stage.tracing.spans())).toEqual([["bank.step.debiting", "card declined"]]);
    expect(stage.span("bank.process").attributes["bank.failure_step"]).toBe("debiting");
    expect(stage.span("checkout.process").attributes["checkout.failure_step"]).toBe("paying");
  });

  test("FLO-38 of parallel steps: each is recorded, the flow's is the one that came out", async () => {
    const first = new Error("first");
    const failed = checkout.run((step) =>
      Promise.all([step("quoting", () => Promise.reject(first)), step("reserving", decline)]),
    );
    await expect(failed).rejects.toBe(first);
    expect(stage.span("checkout.process").attributes["checkout.failure_step"]).toBe("quoting");
    await turns();
    await turns();
    expect(exceptionsIn(stage.tracing.spans())).toEqual([
      ["checkout.step.quoting", "first"],
      ["checkout.step.reserving", "card declined"],
    ]);
  });

  test("FLO-39 of one error in two parallel steps is recorded once", async () => {
    const shared = decline();
    const failed = checkout.run((step) =>
      Promise.all([step("quoting", () => shared), step("reserving", () => shared)]),
    );
    await expect(failed).rejects.toBe(DECLINED);
    await turns();
    expect(exceptionsIn(stage.tracing.spans())).toEqual([["checkout.step.quoting", "card declined"]]);
    expect(stage.span("checkout.process").attributes["checkout.failure_step"]).toBe("quoting");
    expect(stage.tracing.spans().filter(isError)).toHaveLength(3);
  });

  test("FLO-40 of a step that may fail is its own: its span says it, the flow goes on with what catch gives", async () => {
    const result = await checkout.run(async (step) => {
      const sent = await step("sending_confirmation", decline).catch(() => undefined);
      return { sent };
    });
    expect(result).toEqual({ sent: undefined });
    expect(isError(stage.span("checkout.step.sending_confirmation"))).toBe(true);
    expect(stage.span("checkout.step.sending_confirmation").attributes["checkout.step_status"]).toBe("failure");
    expect(stage.span("checkout.process").attributes).toEqual({
      "checkout.step": "sending_confirmation",
      "checkout.status": "success",
    });
    expect(isError(stage.span("checkout.process"))).toBe(false);
  });

  test("FLO-41 among any number of others in a long flow is found", async () => {
    const failed = checkout.run(async (step) => {
      for (let i = 0; i < 500; i++) {
        await step("polling", () => Promise.reject(new Error(`not yet ${i}`))).catch(() => undefined);
      }
      await step("paying", decline);
    });
    await expect(failed).rejects.toBe(DECLINED);
    expect(stage.span("checkout.process").attributes["checkout.failure_step"]).toBe("paying");
    expect(exceptionsIn(stage.tracing.spans())).toHaveLength(501);
  });
});

describe("the variant on the spans", () => {
  test("FLO-50 is also one that was assigned within the flow, from then on", async () => {
    await openRequest(stage.experiments).run(() =>
      checkout.run(async (step) => {
        await step("validating", () => turns());
        stage.experiments.record("checkout", "express");
        await step("paying", () => turns());
      }),
    );
    expect(stage.span("checkout.step.validating").attributes).not.toHaveProperty("experiment.variant");
    expect(stage.span("checkout.step.paying").attributes).toMatchObject(EXPRESS);
    expect(stage.span("checkout.process").attributes).toMatchObject(EXPRESS);
  });

  test("FLO-51 does not overwrite what the user set there", async () => {
    await stage.serve(() =>
      checkout.run((step) => {
        trace.getActiveSpan()?.setAttribute("experiment.variant", "mine");
        return step("paying", () => void trace.getActiveSpan()?.setAttribute("experiment.id", "mine"));
      }),
    );
    expect(stage.span("checkout.process").attributes).toMatchObject({ "experiment.variant": "mine" });
    expect(stage.span("checkout.process").attributes).not.toHaveProperty("experiment.id");
    expect(stage.span("checkout.step.paying").attributes).toMatchObject({ "experiment.id": "mine" });
    expect(stage.span("checkout.step.paying").attributes).not.toHaveProperty("experiment.variant");
  });

  test("FLO-52 is that of the request in which the flow began, also where it is aborted from another one", async () => {
    const stop = new AbortController();
    const hanging = stage.serve(() =>
      checkout.run((step) => step("paying", () => orAborted(new Promise(() => {}), stop.signal))),
    );
    const control = openRequest(stage.experiments, { header: "experiment.checkout.variant=control" });
    control.run(() => stop.abort());
    await expect(hanging).rejects.toThrow("aborted");
    for (const name of ["checkout.process", "checkout.step.paying"]) {
      expect(stage.span(name).attributes).toMatchObject(EXPRESS);
    }
    expect((await stage.points("checkout.step.duration")).map(({ attributes }) => attributes)).toEqual([
      { "checkout.step": "paying", "checkout.step_status": "aborted", ...EXPRESS },
    ]);
  });

  test("FLO-53 is that of the instance that the flow was made with", async () => {
    const second = createExperiments({ experiments: { search: REGISTRY.search }, trustInbound: true });
    const returns = flow(second, "returns");
    await stage.serve(() =>
      openRequest(second, { header: "experiment.search.variant=semantic" }).run(() =>
        returns.run((step) => step("labelling", () => 1)),
      ),
    );
    expect(stage.span("returns.process").attributes).toMatchObject({
      "experiment.id": "search_1",
      "experiment.variant": "semantic",
    });
    await second.close();
  });

  test("FLO-54 is that of the flow where a step begins in another async context, and the step's function finds it", async () => {
    const socket = new AsyncResource("a pooled connection");
    const variant = await stage.serve(() =>
      checkout.run((step) =>
        socket.runInAsyncScope(() =>
          step("paying", async () => {
            await turns();
            return stage.experiments.variant("checkout");
          }),
        ),
      ),
    );
    expect(variant).toBe("express");
    expect(stage.span("checkout.step.paying").attributes).toMatchObject(EXPRESS);
    expect(stage.span("checkout.step.paying").parentSpanContext?.spanId).toBe(
      stage.span("checkout.process").spanContext().spanId,
    );
    expect((await stage.points("checkout.step.duration"))[0]?.attributes).toMatchObject(EXPRESS);
  });
});
