import { inspect } from "node:util";
import { DiagLogLevel, diag } from "@opentelemetry/api";
import { createExperiments, type Experiments, type ExperimentsOptions, ExperimentUsageError } from "otel-experiments";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { recordDiag } from "../../support/diag.ts";
import { closed, REGISTRY } from "../../support/experiments.ts";
import { openRequest } from "../../support/opened-request.ts";
import { startPoints } from "../../support/points.ts";

const MINUTE_MS = 60_000;

const reader = startPoints();

let log = recordDiag();
let now = 0;

/** Without the types of its registry, since most of what is asked here is what they forbid. */
function create(options: ExperimentsOptions = {}): Experiments {
  return closed(createExperiments(options));
}

function strict(options: ExperimentsOptions = { experiments: REGISTRY }): Experiments {
  return create({ ...options, strict: true });
}

function lenient(options: ExperimentsOptions = { experiments: REGISTRY }): Experiments {
  return create({ ...options, strict: false });
}

/** What JavaScript gives in the place of a text. */
function wrong(value: unknown): string {
  return value as string; // why: it is no string, and that must not matter
}

const NO_TEXTS: readonly unknown[] = [
  undefined,
  null,
  42,
  {},
  [],
  ["checkout"],
  Symbol("checkout"),
  Object("checkout"),
  Object.create(null),
  {
    toString() {
      throw new Error("this value does not like to be looked at");
    },
  },
];

beforeEach(() => {
  // Minutes lie between two tests, so that none is quiet because of what another one said.
  now += 10 * MINUTE_MS;
  vi.spyOn(performance, "now").mockImplementation(() => now);
  log = recordDiag();
});

afterEach(async () => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

function refuse(): never {
  throw new Error("this logger is broken");
}

/** Undefined where nothing was thrown. */
function thrownBy(act: () => unknown): ExperimentUsageError | undefined {
  try {
    act();
  } catch (error) {
    if (error instanceof ExperimentUsageError) return error;
    throw error;
  }
  return undefined;
}

function codeOf(act: () => unknown): string | undefined {
  return thrownBy(act)?.code;
}

function usageError(act: () => unknown): ExperimentUsageError {
  const error = thrownBy(act);
  if (error === undefined) throw new Error("this mistake was accepted");
  return error;
}

describe("strict mode", () => {
  test.each([
    { environment: "test", throws: true },
    { environment: "development", throws: true },
    { environment: "production", throws: false },
    { environment: "staging", throws: false },
    { environment: "Test", throws: false },
    { environment: "", throws: false },
    { environment: undefined, throws: false },
  ])("REC-01 where NODE_ENV is $environment, a mistake throws: $throws", ({ environment, throws }) => {
    vi.stubEnv("NODE_ENV", environment);
    const experiments = create({ experiments: REGISTRY });
    // Set-up decides, and what changes later does not.
    vi.stubEnv("NODE_ENV", throws ? "production" : "test");
    openRequest(experiments).run(() => {
      expect(codeOf(() => experiments.record("chekout", "express"))).toBe(
        throws ? "ERR_UNKNOWN_EXPERIMENT" : undefined,
      );
    });
  });

  test.each(["test", "development", "production", undefined])(
    "REC-02 the option decides, whatever NODE_ENV is: %s",
    (environment) => {
      vi.stubEnv("NODE_ENV", environment);
      const [on, off] = [strict(), lenient()];
      openRequest(on).run(() => usageError(() => on.record("chekout", "express")));
      openRequest(off).run(() => expect(off.record("chekout", "express")).toBeUndefined());
    },
  );
});

interface Mistake {
  readonly title: string;
  readonly act: (experiments: Experiments) => unknown;
  readonly options?: ExperimentsOptions;
  readonly code: string;
  readonly message: string;
}

const MISTAKES: readonly Mistake[] = [
  {
    title: "REC-03 recording an unknown experiment",
    act: (experiments) => experiments.record("chekout", "express"),
    code: "ERR_UNKNOWN_EXPERIMENT",
    message: 'there is no experiment "chekout"; declared are checkout, search',
  },
  {
    title: "REC-04 recording an unknown variant",
    act: (experiments) => experiments.record("checkout", "expres"),
    code: "ERR_UNKNOWN_VARIANT",
    message: 'checkout has no variant "expres"; declared are control, express',
  },
  {
    title: "REC-05 recording another experiment's variant",
    act: (experiments) => experiments.record("checkout", "semantic"),
    code: "ERR_UNKNOWN_VARIANT",
    message: 'checkout has no variant "semantic"; declared are control, express',
  },
  {
    title: "REC-06 asking for an unknown experiment",
    act: (experiments) => experiments.variant("chekout"),
    code: "ERR_UNKNOWN_EXPERIMENT",
    message: 'there is no experiment "chekout"; declared are checkout, search',
  },
  {
    title: "REC-07 a key of every object",
    act: (experiments) => experiments.record("toString", "express"),
    code: "ERR_UNKNOWN_EXPERIMENT",
    message: 'there is no experiment "toString"; declared are checkout, search',
  },
  {
    title: "REC-08 a variant of every object",
    act: (experiments) => experiments.record("checkout", "constructor"),
    code: "ERR_UNKNOWN_VARIANT",
    message: 'checkout has no variant "constructor"; declared are control, express',
  },
  {
    title: "REC-09 without a registry, a key that cannot be one",
    options: { trustInbound: true },
    act: (experiments) => experiments.record("Checkout", "express"),
    code: "ERR_BAD_NAME",
    message: 'the key "Checkout" is not a lower-case letter, then up to 31 of a-z, 0-9 and _',
  },
  {
    title: "REC-10 without a registry, a variant that cannot be one",
    options: { trustInbound: true },
    act: (experiments) => experiments.record("checkout", "ex press"),
    code: "ERR_BAD_NAME",
    message:
      'the variant "ex press" is not a letter or digit, then up to 63 of A-Z, a-z, 0-9, dot, hyphen and underscore',
  },
];

describe("a programmer's mistake", () => {
  test.each(MISTAKES)("$title: throws in strict mode, and says what there is", ({ act, options, code, message }) => {
    const experiments = strict(options);
    const { run, scope } = openRequest(experiments);
    const error = run(() => usageError(() => act(experiments)));
    expect(error).toMatchObject({ name: "ExperimentUsageError", code, message });
    expect(scope.assignments).toEqual([]);
    expect(log.lines).toEqual([]);
  });

  test.each(MISTAKES)("$title: else does nothing, and says so to diag once", ({ act, options, message }) => {
    const experiments = lenient(options);
    const { run, scope } = openRequest(experiments);
    run(() => {
      expect(act(experiments)).toBeUndefined();
      expect(act(experiments)).toBeUndefined();
    });
    expect(scope.assignments).toEqual([]);
    expect(log.lines).toEqual([`warn: otel-experiments: ${message}`]);
  });

  test.each([{ experiments: REGISTRY }, { trustInbound: true }])(
    "REC-11 that is no text at all is met like the others: %o",
    (options) => {
      const [on, off] = [strict(options), lenient(options)];
      for (const value of NO_TEXTS) {
        openRequest(on).run(() => {
          usageError(() => on.record(wrong(value), "express"));
          usageError(() => on.record("checkout", wrong(value)));
          usageError(() => on.variant(wrong(value)));
        });
        openRequest(off).run(() => {
          expect(off.record(wrong(value), "express")).toBeUndefined();
          expect(off.record("checkout", wrong(value))).toBeUndefined();
          expect(off.variant(wrong(value))).toBeUndefined();
          expect(off.current().assignments).toEqual([]);
        });
      }
    },
  );

  test.each([undefined, null, "x", 1])("REC-13 of(%s) finds what is outside of requests", (request) => {
    const experiments = lenient();
    // why: what JavaScript gives in the place of a request
    expect(experiments.of(request as unknown as object)).toBe(experiments.current());
  });

  test.each([undefined, null, {}, 1])("REC-14 explain(%s) says no", (url) => {
    const experiments = lenient({ experiments: REGISTRY, propagateTo: ["http://*.x.example"] });
    expect(experiments.explain(wrong(url)).allowed).toBe(false);
  });

  test("REC-12 is none where a variant that is not declared is asked for that a trusted caller sent", () => {
    const experiments = strict({ experiments: REGISTRY, trustInbound: true });
    const header = "experiment.elsewhere.variant=b,experiment.checkout.variant=old";
    openRequest(experiments, { header }).run(() => {
      expect(experiments.variant("elsewhere")).toBe("b");
      expect(experiments.variant("checkout")).toBe("old");
      expect(experiments.variant("search")).toBeUndefined();
      usageError(() => experiments.variant("nowhere"));
    });
  });
});

describe("record", () => {
  test("REC-20 notes a variant, for all who ask for the current request", () => {
    const experiments = strict();
    const { run, scope } = openRequest(experiments);
    run(() => {
      expect(experiments.variant("checkout")).toBeUndefined();
      expect(experiments.record("checkout", "express")).toBe("express");
      expect(experiments.variant("checkout")).toBe("express");
      expect(experiments.current()).toBe(scope);
      expect(experiments.current().variant("checkout")).toBe("express");
    });
    expect(scope.assignments).toMatchObject([{ key: "checkout", id: "checkout_1", variant: "express", forced: false }]);
    expect(scope.attributes).toEqual({ "experiment.id": "checkout_1", "experiment.variant": "express" });
  });

  test("REC-21 works on a scope that was handed on, where async context is gone", () => {
    const experiments = strict();
    const { scope } = openRequest(experiments);
    expect(scope.record("checkout", "express")).toBe("express");
    expect(scope.variant("checkout")).toBe("express");
    expect(experiments.variant("checkout")).toBeUndefined();
  });

  test("REC-22 lets the first variant stand, and says so once", () => {
    const experiments = strict();
    openRequest(experiments).run(() => {
      experiments.record("checkout", "express");
      expect(experiments.record("checkout", "control")).toBe("express");
      expect(experiments.record("checkout", "control")).toBe("express");
      expect(experiments.variant("checkout")).toBe("express");
      expect(experiments.current().assignments).toHaveLength(1);
    });
    expect(log.lines).toEqual([
      'warn: otel-experiments: record("checkout", …) names another variant than the request already has; the first one is kept',
    ]);
  });

  test("REC-23 says nothing where the same variant is recorded again", () => {
    const experiments = strict();
    openRequest(experiments).run(() => {
      expect(experiments.record("checkout", "express")).toBe("express");
      expect(experiments.record("checkout", "express")).toBe("express");
      expect(experiments.current().assignments).toHaveLength(1);
    });
    expect(log.lines).toEqual([]);
  });

  test("REC-24 lets a trusted caller's variant stand, also one that the registry does not list", () => {
    const experiments = strict({ experiments: REGISTRY, trustInbound: true });
    const header = "experiment.checkout.variant=express,experiment.search.variant=lexical,experiment.search.id=old";
    openRequest(experiments, { header }).run(() => {
      expect(experiments.record("checkout", "control")).toBe("express");
      expect(experiments.record("search", "semantic")).toBe("lexical");
      expect(experiments.current().assignments).toMatchObject([
        { key: "checkout", id: "checkout_1", variant: "express" },
        { key: "search", id: "old", variant: "lexical" },
      ]);
    });
  });

  test("REC-25 records where the caller's variant did not count", () => {
    const experiments = strict();
    openRequest(experiments, { header: "experiment.checkout.variant=express" }).run(() => {
      expect(experiments.variant("checkout")).toBeUndefined();
      expect(experiments.record("checkout", "control")).toBe("control");
    });
  });

  test.each([
    { mode: "strict", create: strict },
    { mode: "lenient", create: lenient },
  ])("REC-26 does nothing outside a request, and says so once ($mode)", ({ create: createOne }) => {
    const experiments = createOne();
    expect(experiments.record("checkout", "express")).toBeUndefined();
    expect(experiments.record("checkout", "express")).toBeUndefined();
    expect(experiments.current().record("search", "semantic")).toBeUndefined();
    expect(experiments.variant("checkout")).toBeUndefined();
    expect(experiments.current().assignments).toEqual([]);
    expect(log.lines).toEqual([
      'warn: otel-experiments: record("checkout", …) was called outside a request and does nothing; call it behind the middleware',
    ]);
  });

  test("REC-27 keeps requests apart, also over an await", async () => {
    const experiments = strict();
    const seen = await Promise.all(
      ["control", "express", "control", "express"].map((variant) =>
        openRequest(experiments).run(async () => {
          experiments.record("checkout", variant);
          await new Promise((resolve) => setImmediate(resolve));
          return experiments.variant("checkout");
        }),
      ),
    );
    expect(seen).toEqual(["control", "express", "control", "express"]);
    expect(experiments.variant("checkout")).toBeUndefined();
  });

  test("REC-28 works without a registry, with whatever name can be one", () => {
    const experiments = strict({ trustInbound: true });
    openRequest(experiments).run(() => {
      expect(experiments.record("anything", "Some.Variant-1")).toBe("Some.Variant-1");
      expect(experiments.current().assignments).toMatchObject([{ key: "anything", id: undefined }]);
    });
  });

  test("REC-29 still notes a variant once the response is over", () => {
    const experiments = strict();
    const { run, close, scope } = openRequest(experiments);
    run(() => {
      close();
      expect(experiments.record("checkout", "express")).toBe("express");
    });
    expect(scope.variant("checkout")).toBe("express");
  });

  test("REC-30 keeps two instances of one process apart", () => {
    const [first, second] = [strict(), strict()];
    openRequest(first).run(() => {
      expect(first.record("checkout", "express")).toBe("express");
      expect(second.variant("checkout")).toBeUndefined();
      expect(second.record("checkout", "control")).toBeUndefined();
    });
  });
});

describe("the flat pair", () => {
  const search = { "experiment.id": "search_1", "experiment.variant": "semantic" };
  const checkout = { "experiment.id": "checkout_1", "experiment.variant": "express" };

  test("REC-40 is the first experiment's, and stays its when others follow", () => {
    const experiments = strict();
    openRequest(experiments).run(() => {
      expect(experiments.current().attributes).toEqual({ "experiment.variant": "none" });
      experiments.record("search", "semantic");
      expect(experiments.current().attributes).toEqual(search);
      experiments.record("checkout", "express");
      expect(experiments.current().attributes).toEqual(search);
    });
    expect(log.lines).toEqual([]);
  });

  test("REC-41 is that of the first key in order where several come at once, with one advice", () => {
    const experiments = strict({ experiments: REGISTRY, trustInbound: true });
    const header = "experiment.search.variant=semantic,experiment.checkout.variant=express";
    expect(openRequest(experiments, { header }).scope.attributes).toEqual(checkout);
    expect(openRequest(experiments, { header }).scope.attributes).toEqual(checkout);
    expect(log.lines).toHaveLength(1);
    expect(log.lines[0]).toMatch(/set primary, or make the meter with attribution: "each"$/);
  });

  test("REC-42 is the primary's and nobody else's", () => {
    const experiments = strict({ experiments: REGISTRY, primary: "search" });
    openRequest(experiments).run(() => {
      experiments.record("checkout", "express");
      expect(experiments.current().attributes).toEqual({ "experiment.variant": "none" });
      experiments.record("search", "semantic");
      expect(experiments.current().attributes).toEqual(search);
    });
    expect(log.lines).toEqual([]);
  });

  test("REC-43 is none for a forced assignment", () => {
    const experiments = strict({ experiments: REGISTRY, trustInbound: true });
    const header = "experiment.checkout.variant=express,experiment.checkout.forced=1";
    const { scope } = openRequest(experiments, { header });
    expect(scope.assignments).toMatchObject([{ key: "checkout", variant: "express", forced: true }]);
    expect(scope.attributes).toEqual({ "experiment.variant": "none" });
  });
});

test("REC-44 on the console a scope shows its assignments and attributes", () => {
  const experiments = strict();
  openRequest(experiments).run(() => {
    experiments.record("checkout", "express");
    const shown = inspect(experiments.current()).replaceAll(/\s+/g, " ");
    expect(shown).toBe(
      "{ assignments: [ { key: 'checkout', id: 'checkout_1', variant: 'express', forced: false } ], " +
        "attributes: { 'experiment.id': 'checkout_1', 'experiment.variant': 'express' } }",
    );
  });
  expect(inspect(experiments.current())).toContain("assignments: []");
});

test("REC-45 who compares scopes, and prints them in full as assert does, prints no request and no socket", () => {
  const experiments = strict();
  openRequest(experiments).run(() => {
    const shown = inspect(experiments.current(), { customInspect: false, depth: 10, getters: false });
    expect(shown).not.toMatch(/request|response|header/);
    expect(shown.length).toBeLessThan(200);
  });
});

describe("diag", () => {
  test("REC-50 hears of a cause once a minute, however often it occurs and wherever", () => {
    const [first, second] = [lenient(), lenient()];
    const mistake = (): void => {
      openRequest(first).run(() => first.record("chekout", "express"));
      openRequest(second).run(() => second.record("serch", "semantic"));
    };
    mistake();
    now += MINUTE_MS - 1;
    mistake();
    expect(log.take()).toHaveLength(1);
    now += 1;
    mistake();
    mistake();
    expect(log.take()).toHaveLength(1);
    now += 10 * MINUTE_MS;
    mistake();
    expect(log.take()).toHaveLength(1);
  });

  test("REC-51 hears of each cause by itself", () => {
    const experiments = lenient();
    experiments.record("checkout", "express");
    experiments.record("chekout", "express");
    openRequest(experiments).run(() => {
      experiments.record("checkout", "express");
      experiments.record("checkout", "control");
    });
    expect(log.lines).toHaveLength(3);
    expect(log.lines[0]).toContain("outside a request");
    expect(log.lines[1]).toContain("there is no experiment");
    expect(log.lines[2]).toContain("the first one is kept");
  });

  test("REC-55 hears of each kind of mistake by itself: an unknown key, an unknown variant, a destination that is none", () => {
    const experiments = lenient();
    const nowhere = { to: "orders" };
    openRequest(experiments).run(() => {
      for (let i = 0; i < 3; i++) {
        experiments.record("chekout", "express");
        experiments.record("checkout", "expres");
        experiments.inject({}, nowhere);
        experiments.run(7 as unknown as object, () => undefined); // why: JavaScript can give anything
      }
    });
    expect(log.take()).toEqual([
      expect.stringContaining('there is no experiment "chekout"'),
      expect.stringContaining('checkout has no variant "expres"'),
      expect.stringContaining("names no destination"),
      expect.stringContaining("has no carrier"),
    ]);
  });

  test("REC-52 hears of what a caller sends no more than once, whatever it sends", () => {
    const experiments = lenient({ experiments: REGISTRY, trustInbound: true });
    for (let i = 0; i < 50; i++) {
      openRequest(experiments, { header: `experiment.a${i}.variant=x${i},experiment.b${i}.variant=y${i}` });
    }
    expect(log.lines).toHaveLength(1);
  });

  test("REC-53 may throw, and nobody notices", () => {
    const broken = { error: refuse, warn: refuse, info: refuse, debug: refuse, verbose: refuse };
    try {
      diag.setLogger(broken, { logLevel: DiagLogLevel.ALL, suppressOverrideMessage: true });
    } catch {
      // The API speaks to the logger while it sets it.
    }
    const experiments = lenient();
    expect(experiments.record("checkout", "express")).toBeUndefined();
    openRequest(experiments).run(() => expect(experiments.record("chekout", "express")).toBeUndefined());
  });

  test("REC-54 is the only place that hears: the console stays empty", () => {
    const spies = [
      ...(["log", "info", "warn", "error", "debug", "trace"] as const).map((level) => vi.spyOn(console, level)),
      vi.spyOn(process.stdout, "write"),
      vi.spyOn(process.stderr, "write"),
      vi.spyOn(process, "emitWarning"),
    ];
    diag.disable();
    const experiments = lenient({ experiments: REGISTRY, trustInbound: true });
    experiments.record("checkout", "express");
    openRequest(experiments, { header: "experiment.a.variant=b,experiment.c.variant=d,experiment.%=" }).run(() => {
      experiments.record("chekout", "express");
      experiments.record("checkout", "express");
      experiments.record("checkout", "control");
    });
    for (const spy of spies) expect(spy).not.toHaveBeenCalled();
  });
});

describe("experiment.assignments", () => {
  async function counted(): Promise<ReadonlyMap<string, number>> {
    const points = await reader.points("experiment.assignments");
    return new Map(points.map(({ attributes, value }) => [JSON.stringify(attributes), value]));
  }

  test("REC-60 counts what was recorded, by the flat pair of the experiment that it is about", async () => {
    const experiments = strict({
      experiments: {
        counted: { id: "counted_1", variants: ["a", "b"] },
        second: { id: "second_1", variants: ["a", "b"] },
      },
      trustInbound: true,
    });
    for (let i = 0; i < 3; i++) {
      openRequest(experiments).run(() => {
        experiments.record("counted", "a");
        experiments.record("counted", "a");
        experiments.record("counted", "b");
        experiments.record("second", "b");
      });
    }
    // Neither what a caller decided, nor what came to nothing.
    openRequest(experiments, { header: "experiment.counted.variant=b" }).run(() => experiments.record("counted", "a"));
    experiments.record("counted", "b");
    openRequest(experiments).run(() => usageError(() => experiments.record("counted", "c")));

    const points = await counted();
    expect(
      points.get('{"experiment.id":"counted_1","experiment.variant":"a","feature_flag.result.reason":"unknown"}'),
    ).toBe(3);
    expect(
      points.get('{"experiment.id":"counted_1","experiment.variant":"b","feature_flag.result.reason":"unknown"}'),
    ).toBeUndefined();
    expect(
      points.get('{"experiment.id":"second_1","experiment.variant":"b","feature_flag.result.reason":"unknown"}'),
    ).toBe(3);
    const metric = (await reader.metrics()).get("experiment.assignments");
    expect(metric?.descriptor).toMatchObject({ unit: "{assignment}" });
  });

  test("REC-61 adds no series beyond the bounds without a registry", async () => {
    const experiments = strict({ trustInbound: true });
    const before = (await counted()).size;
    for (let experiment = 0; experiment < 12; experiment++) {
      for (let variant = 0; variant < 12; variant++) {
        openRequest(experiments).run(() => experiments.record(`loose${experiment}`, `v${variant}`));
      }
    }
    const after = await counted();
    // They have no id, so that to a meter they are one experiment, of which 8 variants are measured, or fewer where other
    // tests of this process had some of them.
    expect(after.get('{"experiment.variant":"other","feature_flag.result.reason":"unknown"}')).toBeGreaterThanOrEqual(
      144 - 8 * 12,
    );
    expect(after.size - before).toBeLessThanOrEqual(8 + 1);
  });
});
