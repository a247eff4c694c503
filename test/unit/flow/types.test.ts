import { createExperiments, type ExperimentsHandle } from "otel-experiments";
import { type Flow, type FlowOptions, type FlowStatus, flow, type RunOptions, type Step } from "otel-experiments/flow";
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

test("FLO-131 a step gives what its function gives, and undefined too where it is or may be optional", async () => {
  const results = await checkout.run(async (step) => {
    expectTypeOf(step).toEqualTypeOf<Step>();
    const all = [
      step("a", () => 7),
      step("b", placeOrder),
      step("c", placeOrder, { timeLimitMs: 5_000, signal: new AbortController().signal, evenIfAborted: true }),
      step("d", placeOrder, { optional: false }),
    ] as const;
    expectTypeOf(all).toEqualTypeOf<readonly [Promise<number>, Promise<Order>, Promise<Order>, Promise<Order>]>();
    const optional = step("e", placeOrder, { optional: true });
    expectTypeOf(optional).toEqualTypeOf<Promise<Order | undefined>>();
    const perhaps: { readonly optional: boolean } = { optional: await optional.then((order) => order !== undefined) };
    expectTypeOf(step("f", placeOrder, perhaps)).toEqualTypeOf<Promise<Order | undefined>>();
    return Promise.all(all);
  });
  expect(results).toHaveLength(4);
});

test("FLO-132 a step's function is given a signal and a step", async () => {
  const result = await checkout.run((step) =>
    step("paying", (given) => {
      expectTypeOf(given.signal).toEqualTypeOf<AbortSignal>();
      expectTypeOf(given.step).toEqualTypeOf<Step>();
      return given.step("asking", ({ signal }) => signal.aborted);
    }),
  );
  expectTypeOf(result).toEqualTypeOf<boolean>();
  expect(result).toBe(false);
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
    // @ts-expect-error -- misspelt
    checkout.run((step) => step("paying", placeOrder, { optionl: true })),
    // @ts-expect-error -- a time limit is a number
    checkout.run((step) => step("paying", placeOrder, { timeLimitMs: "5s" })),
    // @ts-expect-error -- the function is missing
    checkout.run((step) => step("paying")),
    // @ts-expect-error -- a controller is no signal
    checkout.run(placeOrder, { signal: new AbortController() }),
  ];
  expect(wrong).toBeTypeOf("function");
});

test("FLO-134 experiments of any registry make one, and its types are exported", () => {
  expectTypeOf(flow).parameter(0).toEqualTypeOf<ExperimentsHandle>();
  expectTypeOf<FlowStatus>().toEqualTypeOf<"success" | "timeout" | "aborted" | "failure">();
  expectTypeOf<FlowOptions["converts"]>().toEqualTypeOf<string | undefined>();
  expectTypeOf<RunOptions["signal"]>().toEqualTypeOf<AbortSignal | undefined>();
  expect(checkout.name).toBe("checkout");
});
