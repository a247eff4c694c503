import * as fc from "fast-check";
import { type Assigner, createExperiments, type ExperimentsOptions, ExperimentUsageError } from "otel-experiments";
import { afterEach, describe, expect, test, vi } from "vitest";
import { recordDiag } from "../../support/diag.ts";
import { openRequest } from "../../support/opened-request.ts";

const checkout = { id: "checkout_1", variants: { control: 1, express: 1 } } as const;
type Registry = { readonly checkout: typeof checkout };

const closing: (() => Promise<void>)[] = [];
const diagnosed = recordDiag();

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** Experiments of one definition of `checkout`, beside the usual. */
function experimentsOf(definition: object = {}, options: Partial<ExperimentsOptions<Registry>> = {}) {
  const experiments = createExperiments<Registry>({
    experiments: { checkout: { ...checkout, ...definition } },
    strict: false,
    ...options,
  });
  closing.push(() => experiments.close());
  return experiments;
}

/** The variant that a subject gets in a request of its own. */
function assigned(experiments: ReturnType<typeof experimentsOf>, subject: string | null | undefined, attributes = {}) {
  return openRequest(experiments).run(() => experiments.assign("checkout", subject, { attributes }));
}

const subjects = Array.from({ length: 200 }, (_, i) => `user-${i}`);
const all = (experiments: ReturnType<typeof experimentsOf>) =>
  Promise.all(subjects.map((subject) => assigned(experiments, subject)));

describe("assign", () => {
  test("ASG-10 the same subject always has the same variant, whatever else is asked before", async () => {
    const [one, other] = [experimentsOf(), experimentsOf()];
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string({ minLength: 1 }), { minLength: 1 }), async (names) => {
        const first = await Promise.all(names.map((name) => assigned(one, name)));
        const second = await Promise.all(names.toReversed().map((name) => assigned(other, name)));
        expect(second.toReversed()).toEqual(first);
        expect(first).not.toContain(undefined);
      }),
    );
  });

  test("ASG-11 a new run deals anew, and a seed keeps the groups of an old one", async () => {
    const [old, run, kept] = [
      experimentsOf(),
      experimentsOf({ id: "checkout_2" }),
      experimentsOf({ id: "checkout_2", seed: "checkout_1" }),
    ];
    const before = await all(old);
    expect(await all(kept)).toEqual(before);
    const moved = (await all(run)).filter((variant, i) => variant !== before[i]).length;
    expect(moved).toBeGreaterThan(50);
    expect(moved).toBeLessThan(150);
  });

  test("ASG-17 another experiment, in another namespace, moves nobody", async () => {
    const range = fc.double({ min: 0.01, max: 1, noNaN: true });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string({ minLength: 1 }), { minLength: 20 }), range, async (names, to) => {
        const mine = { ...checkout, namespace: { name: "checkout_page", range: [0, 0.5] as const } };
        const search = {
          id: "search_1",
          variants: ["a", "b"],
          namespace: { name: "search_page", range: [0, to] as const },
        };
        const alone = createExperiments({ experiments: { checkout: mine } });
        const beside = createExperiments({ experiments: { search, checkout: mine } });
        const ask = (experiments: Pick<typeof alone, "assign">) =>
          Promise.all(names.map((name) => experiments.assign("checkout", name)));
        expect(await ask(beside)).toEqual(await ask(alone));
        await alone.close();
        await beside.close();
      }),
    );
  });

  test("ASG-12 an undefined, null or empty subject is not assigned; what is no text is a mistake", async () => {
    const experiments = experimentsOf();
    for (const subject of [undefined, null, ""]) expect(await assigned(experiments, subject)).toBeUndefined();
    const number: unknown = 7;
    expect(await assigned(experiments, number as string)).toBeUndefined(); // why: what JavaScript may give
    expect(diagnosed.lines.join()).toContain("the subject is 7");
    const strict = experimentsOf({}, { strict: true });
    expect(() => assigned(strict, number as string)).toThrow(ExperimentUsageError); // why: the same
  });

  test("ASG-13 outside a request it decides and remembers nothing, and says so", async () => {
    const experiments = experimentsOf();
    const variant = await experiments.assign("checkout", "user-7");
    expect(["control", "express"]).toContain(variant);
    expect(experiments.variant("checkout")).toBeUndefined();
    expect(await assigned(experiments, "user-7")).toBe(variant);
  });

  test("ASG-14 who is not targeted, not covered or of another share takes no part, and is not control", async () => {
    const targeting = ({ country }: { readonly country?: unknown }): boolean => country === "NL";
    const experiments = experimentsOf({ targeting });
    expect(await assigned(experiments, "user-7", { country: "DE" })).toBeUndefined();
    expect(await assigned(experiments, "user-7")).toBeUndefined();
    expect(await assigned(experiments, "user-7", { country: "NL" })).toBeDefined();
    expect(new Set(await all(experimentsOf({ coverage: 0 })))).toEqual(new Set([undefined]));
    const half = await all(experimentsOf({ namespace: { name: "page", range: [0, 0.5] } }));
    const others = await all(experimentsOf({ namespace: { name: "page", range: [0.5, 1] } }));
    for (const [i, variant] of half.entries()) expect([variant, others[i]].filter(Boolean)).toHaveLength(1);
  });

  test("ASG-15 targeting that throws, or is asynchronous by mistake, means no", async () => {
    const broken = () => {
      throw new Error("no attributes");
    };
    expect(await assigned(experimentsOf({ targeting: broken }), "user-7")).toBeUndefined();
    expect(await assigned(experimentsOf({ targeting: async () => true }), "user-7")).toBeUndefined();
    expect(
      await assigned(experimentsOf({ targeting: () => Promise.reject(new Error("x")) }), "user-7"),
    ).toBeUndefined();
  });

  test("ASG-16 concurrent calls in one scope decide once, and a variant that is recorded meanwhile stands", async () => {
    let asked = 0;
    const answer = Promise.withResolvers<string>();
    const assigner = () => {
      asked++;
      return answer.promise;
    };
    const experiments = experimentsOf({ assigner, timeLimitMs: 10_000 });
    await openRequest(experiments).run(async () => {
      const both = [experiments.assign("checkout", "a"), experiments.current().assign("checkout", "b")];
      experiments.record("checkout", "control");
      answer.resolve("express");
      expect(await Promise.all(both)).toEqual(["control", "control"]);
      expect(experiments.variant("checkout")).toBe("control");
    });
    expect(asked).toBe(1);
  });
});

describe("an assigner", () => {
  test("ASG-20 is asked with what it needs, and its variant counts", async () => {
    const assigner = vi.fn<Assigner>(async () => "express");
    const experiments = experimentsOf({ assigner });
    expect(await assigned(experiments, "user-7", { country: "NL" })).toBe("express");
    expect(assigner).toHaveBeenCalledWith({
      key: "checkout",
      id: "checkout_1",
      subject: "user-7",
      attributes: { country: "NL" },
      variants: ["control", "express"],
      signal: expect.any(AbortSignal),
    });
  });

  const failures: readonly (readonly [string, () => unknown])[] = [
    [
      "throws",
      () => {
        throw new Error("down");
      },
    ],
    ["rejects", () => Promise.reject(new Error("down"))],
    ["names a variant that there is none of", () => "expres"],
    ["gives what is no variant", () => 7],
    ["never answers", () => new Promise(() => {})],
  ];
  test.each(failures)("ASG-21 that %s gives the fallback, or nobody where there is none", async (_, assigner) => {
    expect(await assigned(experimentsOf({ assigner, fallback: "control", timeLimitMs: 5 }), "user-7")).toBe("control");
    expect(await assigned(experimentsOf({ assigner, timeLimitMs: 5 }), "user-7")).toBeUndefined();
  });

  test("ASG-24 is not asked about who is not covered, or of another share", async () => {
    const assigner = vi.fn<Assigner>(() => "express");
    expect(new Set(await all(experimentsOf({ assigner, coverage: 0 })))).toEqual(new Set([undefined]));
    expect(assigner).not.toHaveBeenCalled();
    await all(experimentsOf({ assigner, namespace: { name: "page", range: [0, 0.5] } }));
    expect(assigner.mock.calls.length).toBeGreaterThan(50);
    expect(assigner.mock.calls.length).toBeLessThan(150);
  });

  test("ASG-22 whose time is over is told by its signal, and what it answers then is nobody's", async () => {
    const late = Promise.withResolvers<string>();
    const aborted = Promise.withResolvers<unknown>();
    const assigner = ({ signal }: { readonly signal: AbortSignal }) => {
      signal.addEventListener("abort", () => aborted.resolve(signal.reason));
      return late.promise;
    };
    const experiments = experimentsOf({ assigner, fallback: "control", timeLimitMs: 5 });
    await openRequest(experiments).run(async () => {
      expect(await experiments.assign("checkout", "user-7")).toBe("control");
      expect(await aborted.promise).toMatchObject({ name: "TimeoutError" });
      late.resolve("express");
      await late.promise;
      expect(experiments.variant("checkout")).toBe("control");
    });
  });

  test("ASG-23 may leave a subject out", async () => {
    for (const answer of [undefined, null, { variant: undefined }]) {
      expect(await assigned(experimentsOf({ assigner: () => answer, fallback: "control" }), "user-7")).toBeUndefined();
    }
  });
});

describe("a store", () => {
  test("ASG-30 keeps a subject in its variant when weights and coverage change: a Map will do", async () => {
    const store = new Map<string, string>();
    const before = await all(experimentsOf({}, { store }));
    const after = await all(experimentsOf({ variants: { control: 0, express: 1 }, coverage: 0 }, { store }));
    expect(after).toEqual(before);
    expect(store.get("checkout_1:user-7")).toBe(before[7]);
    // A new run of the experiment begins anew.
    expect(
      new Set(await all(experimentsOf({ id: "checkout_2", variants: { control: 0, express: 1 } }, { store }))),
    ).toEqual(new Set(["express"]));
  });

  test("ASG-31 that has a variant which is not declared any more counts as empty", async () => {
    const store = new Map([["checkout_1:user-7", "gone"]]);
    expect(["control", "express"]).toContain(await assigned(experimentsOf({}, { store }), "user-7"));
  });

  test("ASG-32 that fails or hangs costs stickiness, not the request", async () => {
    const expected = await assigned(experimentsOf(), "user-7");
    const fail = () => Promise.reject(new Error("down"));
    const hang = () => new Promise<undefined>(() => {});
    for (const [get, set] of [
      [fail, fail],
      [hang, hang],
      [
        () => undefined,
        () => {
          throw new Error("full");
        },
      ],
    ] as const) {
      expect(await assigned(experimentsOf({}, { store: { get, set } }), "user-7")).toBe(expected);
    }
    expect(diagnosed.lines.join()).toContain("store");
  });

  test("ASG-33 is not told of a fallback", async () => {
    const store = new Map<string, string>();
    const assigner = () => Promise.reject(new Error("down"));
    await assigned(experimentsOf({ assigner, fallback: "control" }, { store }), "user-7");
    expect(store.size).toBe(0);
  });
});

describe("replace", () => {
  test("ASG-40 stops an experiment for what is new; a request that runs keeps what it has", async () => {
    const experiments = experimentsOf();
    const running = openRequest(experiments);
    const variant = await running.run(() => experiments.assign("checkout", "user-7"));
    experiments.replace({ checkout: { ...checkout, status: "stopped" } });
    expect(running.run(() => experiments.variant("checkout"))).toBe(variant);
    expect(await running.run(() => experiments.assign("checkout", "user-1"))).toBe(variant);
    expect(await assigned(experiments, "user-7")).toBeUndefined();
    experiments.replace({ checkout });
    expect(await assigned(experiments, "user-7")).toBe(variant);
  });

  test("ASG-41 the bounds of measurements follow: what is not declared any more is other", () => {
    const experiments = experimentsOf({}, { trustInbound: true });
    const attributes = () =>
      openRequest(experiments, { header: "experiment.checkout.variant=express,experiment.checkout.id=checkout_1" }).run(
        () => experiments.current().attributes,
      );
    expect(attributes()).toEqual({ "experiment.id": "checkout_1", "experiment.variant": "express" });
    experiments.replace({ checkout: { id: "checkout_1", variants: ["control", "single_page"] } });
    expect(attributes()).toEqual({ "experiment.variant": "other" });
  });

  test("ASG-43 a request that runs keeps what it has also where the experiment is gone", async () => {
    const search = { search: { id: "search_1", variants: ["a", "b"] } };
    const experiments = experimentsOf({}, { strict: true });
    const open = () => openRequest(experiments).run(() => experiments.assign("checkout", "user-7"));
    await openRequest(experiments).run(async () => {
      const variant = await experiments.assign("checkout", "user-7");
      experiments.replace(search);
      expect(experiments.use("checkout")).toBe(variant);
      expect(await experiments.assign("checkout", "user-7")).toBe(variant);
      expect(experiments.record("checkout", "express")).toBe(variant);
      experiments.convert("order_placed", { experiment: "checkout" });
      experiments.expose("checkout");
    });
    expect(open).toThrow(ExperimentUsageError);
  });

  test("ASG-42 a wrong registry throws, and everything stays as it was", async () => {
    const experiments = experimentsOf({}, { primary: "checkout" });
    const before = await all(experiments);
    expect(() => experiments.replace({ checkout: { id: "checkout_1", variants: [] } })).toThrow("variants is empty");
    expect(() => experiments.replace({ search: checkout })).toThrow("primary");
    expect(await all(experiments)).toEqual(before);
  });
});

describe("set-up says what is wrong with", () => {
  test.each([
    ["a seed", { seed: "" }, "seed"],
    ["a coverage", { coverage: 1.5 }, "coverage"],
    ["a namespace", { namespace: { name: "page", range: [0.5, 0.5] } }, "namespace"],
    ["targeting", { targeting: true }, "targeting"],
    ["a status", { status: "paused" }, '"running" or "stopped"'],
    ["an assigner", { assigner: "growthbook" }, "assigner"],
    ["a time limit", { timeLimitMs: 0 }, "timeLimitMs"],
    ["a fallback", { fallback: "contol" }, "control, express"],
  ])("ASG-50 %s, with the mend", (_, definition, mend) => {
    expect(() => experimentsOf(definition)).toThrow(mend);
  });

  test.each([
    ["a store", { store: {} as never }, "get(name)"],
    ["a subject's secret that is short", { recordSubject: "hashed", subjectSecret: "short" }, "at least 16"],
    ["a subject's secret without use", { subjectSecret: "long enough for anybody" }, 'recordSubject: "hashed"'],
    ["how subjects are recorded", { recordSubject: "clear" as never }, '"hashed" or "plain"'],
    ["overrides", { overrides: "secret" as never }, "acceptOverrides"],
  ] as const)("ASG-51 %s, with the mend", (_, options, mend) => {
    expect(() => experimentsOf({}, options)).toThrow(mend);
  });
});
