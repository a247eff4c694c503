import { diag } from "@opentelemetry/api";
import { createExperiments, ExperimentConfigError, ExperimentUsageError } from "otel-experiments";
import { flow } from "otel-experiments/flow";
import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import { type DiagLog, recordDiag } from "../../support/diag.ts";
import { REGISTRY } from "../../support/experiments.ts";
import { openRequest } from "../../support/opened-request.ts";
import { countsOf, EXPRESS_MEMBERS, startStage } from "./stage.ts";

const stage = startStage();
const lenient = createExperiments({ experiments: REGISTRY, trustInbound: true, strict: false });
const [strictly, leniently] = [flow(stage.experiments, "strictly"), flow(lenient, "leniently")];

/** What a caller without types may give. */
function untyped(value: unknown): never {
  // why: that is what these tests are about
  return value as never;
}

type Untyped = (...given: readonly unknown[]) => Promise<unknown>;

afterEach(() => {
  vi.restoreAllMocks();
  stage.clear();
});

afterAll(async () => {
  diag.disable();
  await lenient.close();
  await stage.stop();
});

describe("a flow", () => {
  test("FLO-100 is named as an experiment's key is, or by several with dots", () => {
    for (const name of [
      "checkout",
      "a",
      "shop.returns",
      "a.b.c_1",
      `a${"b".repeat(31)}`,
      "experiments",
      "x.experiment",
      "step",
      "x.step.y",
      "x.steps",
    ]) {
      expect(flow(stage.experiments, name).name).toBe(name);
    }
    const bad = [
      "",
      "Checkout",
      "check-out",
      "1st",
      ".checkout",
      "checkout.",
      "a..b",
      `a${"b".repeat(32)}`,
      `${"a".repeat(32)}.${"b".repeat(32)}`,
      "experiment",
      "experiment.checkout",
      "checkout.step",
      "checkout\n",
      undefined,
      7,
    ];
    for (const name of bad) {
      const make = (): unknown => flow(stage.experiments, untyped(name));
      expect(make).toThrow(ExperimentConfigError);
      expect(make).toThrow(
        expect.objectContaining({ code: "ERR_FLOW_NAME", message: expect.stringContaining("checkout") }),
      );
    }
  });

  test.each<[unknown, string, string]>([
    [{ convert: "order_placed" }, "ERR_UNKNOWN_OPTION", '"convert"'],
    [{ attributions: "each" }, "ERR_UNKNOWN_OPTION", " attribution"],
    [{ signal: null }, "ERR_UNKNOWN_OPTION", '"signal"'],
    [{ converts: "order placed" }, "ERR_OPTION_VALUE", "converts"],
    [{ converts: true }, "ERR_OPTION_VALUE", "converts"],
    [{ attribution: "all" }, "ERR_OPTION_VALUE", '"each"'],
    [null, "ERR_OPTIONS", "converts"],
    ["order_placed", "ERR_OPTIONS", "converts"],
  ])("FLO-101 refuses the options %j", (options, code, message) => {
    const make = (): unknown => flow(stage.experiments, "checkout", untyped(options));
    expect(make).toThrow(expect.objectContaining({ code, message: expect.stringContaining(message) }));
  });

  test("FLO-102 is refused without experiments", () => {
    for (const experiments of [undefined, null, {}, 7]) {
      expect(() => flow(untyped(experiments), "checkout")).toThrow("createExperiments");
    }
  });

  test("FLO-103 is frozen, and runs without its object", async () => {
    const { run } = strictly;
    expect(await run((step) => step("paying", () => "paid"))).toBe("paid");
    expect(Object.isFrozen(strictly)).toBe(true);
  });
});

describe("a mistake in a step", () => {
  const names: readonly unknown[] = ["", "paying now", "-paying", "a".repeat(65), undefined, 7, {}];
  const options: readonly unknown[] = [{ timeLimitMs: 5_000 }, { optional: true }, {}, 5_000, null];

  test("FLO-110 rejects in strict mode with its code, without calling the function", async () => {
    for (const name of names) {
      const wrong = strictly.run((step) => step(untyped(name), () => expect.unreachable()));
      await expect(wrong).rejects.toThrow(ExperimentUsageError);
      await expect(wrong).rejects.toMatchObject({ code: "ERR_BAD_NAME" });
    }
    for (const given of options) {
      // why: what a caller without types may give
      const wrong = strictly.run((step) => (step as Untyped)("paying", () => expect.unreachable(), given));
      await expect(wrong).rejects.toMatchObject({ code: "ERR_UNKNOWN_OPTION" });
      await expect(wrong).rejects.toThrow("the step paying takes no options when it runs; use AbortSignal.timeout");
    }
  });

  test("FLO-111 elsewhere is said once a minute, and the step runs; one with a wrong name is measured as other", async () => {
    let now = 1e9;
    vi.spyOn(performance, "now").mockImplementation(() => now);
    const log: DiagLog = recordDiag();
    for (const name of names) {
      now += 61_000;
      expect(await leniently.run((step) => step(untyped(name), () => "paid"))).toBe("paid");
    }
    expect(log.take()).toHaveLength(names.length);
    const points = await stage.points("leniently.step.duration");
    expect(points.map(({ attributes }) => attributes["leniently.step"])).toEqual(["other"]);
    expect(new Set(stage.tracing.spans().map(({ name }) => name))).toEqual(
      new Set(["leniently.step.other", "leniently.process"]),
    );
    for (const given of options) {
      now += 61_000;
      // why: what a caller without types may give
      expect(await leniently.run((step) => (step as Untyped)("paying", () => "paid", given))).toBe("paid");
    }
    expect(log.take()).toHaveLength(options.length);
  });

  test("FLO-113 options of a run are a mistake of the same kind", async () => {
    // why: what a caller without types may give
    const [rejecting, going] = [strictly.run as Untyped, leniently.run as Untyped];
    const given = { signal: AbortSignal.abort() };
    await expect(rejecting(() => expect.unreachable(), given)).rejects.toMatchObject({ code: "ERR_UNKNOWN_OPTION" });
    vi.spyOn(performance, "now").mockReturnValue(2e9);
    const log = recordDiag();
    expect(await going(() => "done", given)).toBe("done");
    expect(log.take()).toEqual([expect.stringContaining("the flow leniently takes no options when it runs")]);
  });

  test("FLO-112 what is no function fails as calling it does", async () => {
    await expect(strictly.run(untyped(undefined))).rejects.toThrow(TypeError);
    await expect(strictly.run((step) => step("paying", untyped(7)))).rejects.toThrow(TypeError);
  });
});

describe("a flow that converts", () => {
  const converting = flow(stage.experiments, "converting", { converts: "order_placed" });

  test("FLO-120 counts each success for the variants that its request was exposed to", async () => {
    await openRequest(stage.experiments, { header: EXPRESS_MEMBERS }).run(async () => {
      stage.experiments.expose("checkout");
      await converting.run((step) => step("paying", () => "paid"));
    });
    expect(countsOf(await stage.points("experiment.conversions"))).toEqual([
      [{ "experiment.conversion": "order_placed", "experiment.id": "checkout_1", "experiment.variant": "express" }, 1],
    ]);
  });

  test("FLO-121 counts none that fails or was not exposed, and none twice", async () => {
    await openRequest(stage.experiments, { header: EXPRESS_MEMBERS }).run(async () => {
      await converting.run(() => "not exposed");
      stage.experiments.expose("checkout");
      await converting.run(() => Promise.reject(new Error("no"))).catch(() => undefined);
      await converting.run((step) => step("mailing", () => Promise.reject(new Error("no"))).catch(() => undefined));
    });
    expect((await stage.points("experiment.conversions")).map(({ value }) => value)).toEqual([1]);
  });

  test("FLO-122 outside a request succeeds all the same", async () => {
    expect(await converting.run(() => "done")).toBe("done");
    expect(await stage.points("experiment.conversions")).toEqual([]);
  });
});
