import * as fc from "fast-check";
import { flow, type Step } from "otel-experiments/flow";
import { afterAll, afterEach, beforeEach, expect, test } from "vitest";
import { exceptionsIn, startStage } from "./stage.ts";

// Random trees of steps, run as a flow and without one: the results are the same, and the telemetry says what happened.

const stage = startStage();
const checkout = flow(stage.experiments, "checkout");

let unhandled: unknown[] = [];
const note = (reason: unknown): void => void unhandled.push(reason);

beforeEach(() => {
  unhandled = [];
  process.on("unhandledRejection", note);
});

afterEach(() => {
  process.off("unhandledRejection", note);
  stage.clear();
});

afterAll(() => stage.stop());

/** What one step does: it waits, runs its children, fails or gives a result. */
interface Plan {
  readonly turns: number;
  readonly children: readonly Plan[];
  readonly order: "sequence" | "all" | "settled";
  readonly fails: boolean;
  readonly isCaught: boolean;
  /** By the step function of the flow instead of the one it was given. */
  readonly byOuter: boolean;
}

const sometimes = fc.integer({ min: 0, max: 3 }).map((n) => n === 3);

function plans(depth: number): fc.Arbitrary<Plan> {
  return fc.record({
    turns: fc.integer({ min: 1, max: 3 }),
    children: depth === 0 ? fc.constant([]) : fc.array(plans(depth - 1), { maxLength: 3 }),
    order: fc.constantFrom("sequence", "all", "settled"),
    fails: sometimes,
    isCaught: sometimes,
    byOuter: fc.boolean(),
  });
}

const trees = fc.array(plans(3), { maxLength: 3 });

/** What happened in one execution. */
interface Execution {
  readonly outcome: unknown;
  /** The names of the steps whose functions were called. */
  readonly called: ReadonlySet<string>;
  /** The names of those that threw. */
  readonly threw: ReadonlySet<string>;
}

type RunTree = (fn: (step: Step) => Promise<unknown>) => Promise<unknown>;

/** Executes a tree, and waits until everything in it has come to its end. */
async function execute(tree: readonly Plan[], runTree: RunTree, signal?: AbortSignal): Promise<Execution> {
  const [called, threw]: [string[], string[]] = [[], []];
  const begun: Promise<unknown>[] = [];
  const perform = (outer: Step, given: Step, plan: Plan, name: string): Promise<unknown> => {
    const step = plan.byOuter ? outer : given;
    const result = step(name, async ({ step: nested }) => {
      called.push(name);
      await turns(plan.turns);
      signal?.throwIfAborted();
      const results = await performAll(outer, nested, plan.children, plan.order, name);
      if (!plan.fails) return [name, results];
      threw.push(name);
      throw new Error(name);
    });
    begun.push(result);
    return plan.isCaught ? result.catch(() => "caught") : result;
  };
  const performAll = async (
    outer: Step,
    given: Step,
    children: readonly Plan[],
    order: Plan["order"],
    name: string,
  ): Promise<unknown> => {
    const start = (plan: Plan, i: number): Promise<unknown> => perform(outer, given, plan, `${name}.${i}`);
    if (order === "all") return Promise.all(children.map(start));
    if (order === "settled") return (await Promise.allSettled(children.map(start))).map(({ status }) => status);
    const results: unknown[] = [];
    for (const [i, plan] of children.entries()) results.push(await start(plan, i));
    return results;
  };
  const outcome = await settle(runTree((step) => performAll(step, step, tree, "sequence", "s")));
  for (let known = 0; known < begun.length; ) {
    known = begun.length;
    await Promise.allSettled(begun);
    await turns(2);
  }
  return { outcome, called: new Set(called), threw: new Set(threw) };
}

async function settle(promise: Promise<unknown>): Promise<unknown> {
  try {
    return { value: await promise };
  } catch (error) {
    return { thrown: error instanceof Error ? error.message : error };
  }
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** The same without us: functions that are called. */
const plainly: RunTree = (fn) => {
  const plain = async (_name: string, work: Parameters<Step>[1]): Promise<unknown> => work({ step });
  // why: it gives what the function gives, of whatever type
  const step = plain as Step;
  return fn(step);
};

/** How often each instrument measured. */
async function measured(): Promise<readonly [flows: number, durations: number, steps: number]> {
  const sum = async (name: string): Promise<number> =>
    (await stage.points(name)).reduce(
      (total, { count, value }) => total + (name.endsWith("completed") ? value : count),
      0,
    );
  return [await sum("checkout.completed"), await sum("checkout.duration"), await sum("checkout.step.duration")];
}

function expectEachOnce(names: ReadonlySet<string>): void {
  const spans = stage.tracing.spans();
  expect(new Set(spans.map((span) => span.spanContext().spanId)).size).toBe(spans.length);
  const steps = spans.filter(({ name }) => name !== "checkout.process");
  expect(new Set(steps.map(({ attributes }) => attributes["checkout.step"]))).toEqual(names);
  expect(spans).toHaveLength(names.size + 1);
}

test("FLO-150 any tree of steps gives what it gives without us; each span ends once, each error is recorded once, where it was thrown, each step is measured once", async () => {
  await fc.assert(
    fc.asyncProperty(trees, async (tree) => {
      stage.clear();
      const [plain, flowing] = [await execute(tree, plainly), await execute(tree, (fn) => checkout.run(fn))];
      expect(flowing).toEqual(plain);
      expectEachOnce(plain.called);
      const recorded = exceptionsIn(stage.tracing.spans());
      expect(new Set(recorded.map(([, message]) => message))).toEqual(plain.threw);
      expect(recorded).toHaveLength(plain.threw.size);
      for (const span of stage.tracing.spans()) {
        const [own] = exceptionsIn([span]);
        expect(own === undefined || own[1] === span.attributes["checkout.step"]).toBe(true);
      }
      const { attributes } = stage.span("checkout.process");
      const failed = Object(plain.outcome).thrown as string | undefined; // why: settle makes it so
      expect(attributes["checkout.failure_step"]).toBe(failed);
      expect(attributes["checkout.status"]).toBe(failed === undefined ? "success" : "failure");
      expect(await measured()).toEqual([1, 1, plain.called.size]);
    }),
    { numRuns: 150 },
  );
  expect(unhandled).toEqual([]);
});

test("FLO-151 any tree whose functions a signal aborts at any time ends each span once, measures each step once, and is aborted where the abort comes out", async () => {
  await fc.assert(
    fc.asyncProperty(trees, fc.nat({ max: 12 }), async (tree, after) => {
      stage.clear();
      const stop = new AbortController();
      const flowing = execute(tree, (fn) => checkout.run(fn), stop.signal);
      await turns(after);
      stop.abort();
      const { called, outcome } = await flowing;
      expectEachOnce(called);
      const isAborted = Object(outcome).thrown === stop.signal.reason.message;
      expect(stage.span("checkout.process").attributes["checkout.status"] === "aborted").toBe(isAborted);
      expect(await measured()).toEqual([1, 1, called.size]);
    }),
    { numRuns: 150 },
  );
  expect(unhandled).toEqual([]);
});
