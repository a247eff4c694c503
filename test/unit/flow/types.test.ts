import { createExperiments, type ExperimentsHandle } from "otel-experiments";
import { type Flow, type FlowOptions, type FlowStatus, flow, type Step, type StepContext } from "otel-experiments/flow";
import { afterAll, expect, expectTypeOf, test } from "vitest";

// The compiler holds these: `tsc -p .` fails where one does not. What runs is only that nothing throws.

const typed = createExperiments({
  experiments: { checkout: { id: "checkout_1", variants: ["control", "express"] } },
  strict: false,
});
const checkout = flow(typed, "checkout");

afterAll(() => typed.close());

interface Order {
  readonly id: string;
}

const placeOrder = async (): Promise<Order> => ({ id: "1" });

test("FLO-130 a flow gives what its function gives, awaited", async () => {
  expectTypeOf(checkout).toEqualTypeOf<Flow>();
  const order = checkout.run(placeOrder);
  expectTypeOf(order).toEqualTypeOf<Promise<Order>>();
  expectTypeOf(checkout.run(() => 7)).toEqualTypeOf<Promise<number>>();
  expectTypeOf(checkout.run(async (step) => step("paying", placeOrder))).toEqualTypeOf<Promise<Order>>();
  expectTypeOf(checkout.run((step) => Promise.all([step("a", () => 1), step("b", () => "2")]))).toEqualTypeOf<
    Promise<[number, string]>
  >();
  expect(await order).toEqual({ id: "1" });
});

test("FLO-131 a step gives what its function gives, awaited", async () => {
  const results = await checkout.run(async (step) => {
    expectTypeOf(step).toEqualTypeOf<Step>();
    const all = [step("a", () => 7), step("b", placeOrder)] as const;
    expectTypeOf(all).toEqualTypeOf<readonly [Promise<number>, Promise<Order>]>();
    const optional = step("c", placeOrder).catch(() => undefined);
    expectTypeOf(optional).toEqualTypeOf<Promise<Order | undefined>>();
    return Promise.all([...all, optional]);
  });
  expect(results).toHaveLength(3);
});

test("FLO-132 a step's function is given a step", async () => {
  const result = await checkout.run((step) =>
    step("paying", (given) => {
      expectTypeOf(given).toEqualTypeOf<StepContext>();
      expectTypeOf(given.step).toEqualTypeOf<Step>();
      return given.step("asking", () => true);
    }),
  );
  expectTypeOf(result).toEqualTypeOf<boolean>();
  expect(result).toBe(true);
});

test("FLO-133 what is misspelt or of the wrong type does not compile", () => {
  const wrong = (): readonly unknown[] => [
    // @ts-expect-error -- misspelt
    flow(typed, "checkout", { convert: "order_placed" }),
    // @ts-expect-error -- a name is a text
    flow(typed, 7),
    // @ts-expect-error -- not made by createExperiments
    flow({}, "checkout"),
    // @ts-expect-error -- no such attribution
    flow(typed, "checkout", { attribution: "all" }),
    // @ts-expect-error -- a step takes no options
    checkout.run((step) => step("paying", placeOrder, { timeLimitMs: 5_000 })),
    // @ts-expect-error -- the function is missing
    checkout.run((step) => step("paying")),
    // @ts-expect-error -- a run takes no options
    checkout.run(placeOrder, { signal: new AbortController().signal }),
  ];
  expect(wrong).toBeTypeOf("function");
});

test("FLO-134 experiments of any registry make one, and its types are exported", () => {
  expectTypeOf(flow).parameter(0).toEqualTypeOf<ExperimentsHandle>();
  expectTypeOf<FlowStatus>().toEqualTypeOf<"success" | "timeout" | "aborted" | "failure">();
  expectTypeOf<FlowOptions["converts"]>().toEqualTypeOf<string | undefined>();
  expect(checkout.name).toBe("checkout");
});
