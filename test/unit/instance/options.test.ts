import diagnosticsChannel from "node:diagnostics_channel";
import {
  createExperiments,
  defineExperiments,
  ExperimentConfigError,
  type ExperimentConfigErrorCode,
  type Experiments,
  type ExperimentsOptions,
} from "otel-experiments";
import { outbound } from "otel-experiments/adapter";
import { describe, expect, test } from "vitest";
import { closed } from "../../support/experiments.ts";
import { openRequest } from "../../support/opened-request.ts";

const CHECKOUT = { id: "checkout_2026q1", variants: ["control", "express"] };
const VALID = { experiments: { checkout: CHECKOUT } };
const NAME_OF_65 = "a".repeat(65);
const WITH_A_HOLE = Object.assign(Array.from({ length: 3 }), { 0: "a", 2: "b" });

/** What a caller in JavaScript gives, right or wrong. */
function create(options: unknown): Experiments {
  // why: callers in JavaScript give what the type forbids
  return closed(createExperiments(options as ExperimentsOptions));
}

function withExperiment(definition: unknown): unknown {
  return { experiments: { checkout: definition } };
}

function withKey(key: string): unknown {
  return { experiments: Object.fromEntries([[key, CHECKOUT]]) };
}

function withVariants(variants: unknown): unknown {
  return withExperiment({ id: "checkout_2026q1", variants });
}

function errorOf(act: () => unknown): ExperimentConfigError {
  try {
    act();
  } catch (error) {
    if (error instanceof ExperimentConfigError) return error;
    throw error;
  }
  throw new Error("these options were accepted");
}

interface Mistake {
  readonly title: string;
  readonly code: ExperimentConfigErrorCode;
  /** Options that all make this mistake. */
  readonly of: readonly unknown[];
  /** What the message calls it, so that it is found in the source. */
  readonly names: string;
  /** What the message says is to be done. */
  readonly mend: string | RegExp;
}

const EXPERIMENT_KEY_RULE = "a lower-case letter, then up to 31 of a-z, 0-9 and _";
const NAME_RULE = "a letter or digit, then up to 63 of";

const MISTAKES: readonly Mistake[] = [
  {
    title: "OPT-01 options that are none",
    code: "ERR_OPTIONS",
    of: [undefined, null, "checkout", 42, [], [CHECKOUT], () => ({})],
    names: "the options are",
    mend: "write createExperiments({ experiments: { … } })",
  },
  {
    title: "OPT-02 an option with a letter wrong",
    code: "ERR_UNKNOWN_OPTION",
    of: [{ ...VALID, propogateTo: [] }, { ...VALID, propagateto: [] }, { propagate_to: [] }],
    names: "the option",
    mend: "did you mean propagateTo?",
  },
  {
    title: "OPT-03 an option in the singular",
    code: "ERR_UNKNOWN_OPTION",
    of: [{ experiment: {} }, { Experiments: {} }, { expirements: {} }],
    names: "the option",
    mend: "did you mean experiments?",
  },
  {
    title: "OPT-04 an option that is near to none",
    code: "ERR_UNKNOWN_OPTION",
    of: [{ colour: "blue" }, { "": 1 }, { __proto: 1 }, JSON.parse('{"__proto__":{"strict":true}}')],
    names: "the option",
    mend: "the options are experiments, primary, trustInbound, trustProxied, propagateTo, prefix, unknown, foreignBaggage, overrides, store, recordSubject, subjectSecret, fields, onExposure, onConversion, strict",
  },
  {
    title: "OPT-05 neither experiments nor trust",
    code: "ERR_NOTHING_TO_DO",
    of: [
      {},
      { experiments: {} },
      { trustInbound: false },
      { trustInbound: [] },
      { propagateTo: ["https://shop.internal"], prefix: "exp." },
    ],
    names: "neither experiments nor trustInbound",
    mend: "declare experiments or fields, or set trustInbound",
  },
  {
    title: "OPT-10 experiments that are no object",
    code: "ERR_EXPERIMENT",
    of: [{ experiments: null }, { experiments: [CHECKOUT] }, { experiments: "checkout" }, { experiments: 1 }],
    names: "experiments is not an object",
    mend: 'write experiments: { checkout: { id: "checkout_1"',
  },
  {
    title: "OPT-11 an experiment that is no object",
    code: "ERR_EXPERIMENT",
    of: [null, ["control"], "control", 1].map(withExperiment),
    names: "experiments.checkout is not an object",
    mend: "write { id, variants }",
  },
  {
    title: "OPT-12 an unknown field of an experiment",
    code: "ERR_UNKNOWN_OPTION",
    of: [withExperiment({ ...CHECKOUT, variant: "a" }), withExperiment({ ...CHECKOUT, variant: undefined })],
    names: 'the option "variant" of experiments.checkout is unknown',
    mend: "did you mean variants?",
  },
  {
    title: "OPT-24 an unknown field of an experiment that is near to none",
    code: "ERR_UNKNOWN_OPTION",
    of: [withExperiment({ ...CHECKOUT, wieghts: [1, 2] })],
    names: 'the option "wieghts" of experiments.checkout is unknown',
    mend: "the options are id, variants, seed, coverage",
  },
  {
    title: "OPT-13 a key that cannot name members and attributes",
    code: "ERR_EXPERIMENT_KEY",
    of: ["Checkout", "1checkout", "check-out", "check.out", "", "_a", "é", "a b", "a".repeat(33), "__proto__"].map(
      withKey,
    ),
    names: "experiments: the key",
    mend: EXPERIMENT_KEY_RULE,
  },
  {
    title: "OPT-14 a reserved key",
    code: "ERR_EXPERIMENT_KEY",
    of: ["id", "variant", "forced", "conversion", "subject", "primary"].map(withKey),
    names: "is reserved",
    mend: 'choose another, such as "checkout"',
  },
  {
    title: "OPT-15 an id that cannot stand in a header, an attribute and a query",
    code: "ERR_EXPERIMENT_ID",
    of: [undefined, "", " ", "a b", ".a", "-a", "a,b", "é", 1, null, NAME_OF_65].map((id) =>
      withExperiment({ id, variants: ["a", "b"] }),
    ),
    names: "experiments.checkout.id",
    mend: 'such as "checkout_2026q1"',
  },
  {
    title: "OPT-16 an id that two experiments have",
    code: "ERR_EXPERIMENT_ID",
    of: [{ experiments: { checkout: CHECKOUT, search: CHECKOUT } }],
    names: 'experiments.search.id is "checkout_2026q1", the same as experiments.checkout.id',
    mend: "give each run its own id",
  },
  {
    title: "OPT-17 no variants",
    code: "ERR_NO_VARIANTS",
    of: [withExperiment({ id: "a" }), withVariants(undefined)],
    names: "experiments.checkout.variants is missing",
    mend: 'write a list such as ["control", "express"], or their weights',
  },
  {
    title: "OPT-22 variants that are empty",
    code: "ERR_NO_VARIANTS",
    of: [[], {}].map(withVariants),
    names: "experiments.checkout.variants is empty",
    mend: 'write a list such as ["control", "express"], or their weights',
  },
  {
    title: "OPT-23 variants that are no list",
    code: "ERR_NO_VARIANTS",
    of: ["control", 2, null, true].map(withVariants),
    names: "experiments.checkout.variants is",
    mend: /variants is ("control"|2|null|true); write a list such as \["control", "express"\], or their weights/,
  },
  {
    title: "OPT-18 a variant that cannot stand in a header, an attribute and a query",
    code: "ERR_VARIANT",
    of: [
      ["a", ""],
      ["a", "b c"],
      ["a", 1],
      ["é"],
      [undefined],
      [NAME_OF_65],
      { "-a": 1 },
      { "a b": 1 },
      WITH_A_HOLE,
    ].map(withVariants),
    names: "experiments.checkout.variants holds",
    mend: new RegExp(`which is not ${NAME_RULE}.*; write such a name, for example "one_click"`),
  },
  {
    title: "OPT-19 a variant listed twice",
    code: "ERR_DUPLICATE_VARIANT",
    of: [withVariants(["a", "b", "a"])],
    names: 'experiments.checkout.variants lists "a" twice',
    mend: "list it once",
  },
  {
    title: "OPT-20 a weight that is negative, not finite or no number",
    code: "ERR_WEIGHT",
    of: [-1, -0.001, Number.NaN, Number.POSITIVE_INFINITY, "1", null, undefined, true, 1n].map((weight) =>
      withVariants({ control: 1, express: weight }),
    ),
    names: "experiments.checkout.variants.express is",
    mend: "a weight is a number that is not negative",
  },
  {
    title: "OPT-21 weights of 0 alone",
    code: "ERR_WEIGHT",
    of: [withVariants({ control: 0, express: 0 }), withVariants({ control: -0 })],
    names: "experiments.checkout.variants has only weights of 0",
    mend: "give one variant a positive weight",
  },
  {
    title: "OPT-30 a primary that is no key",
    code: "ERR_PRIMARY",
    of: [
      ...[42, null, ["checkout"]].map((primary) => ({ ...VALID, primary })),
      ...["Not A Key", "id"].map((primary) => ({ trustInbound: true, primary })),
    ],
    names: "primary is",
    mend: "write an experiment's key",
  },
  {
    title: "OPT-31 a primary that the registry does not declare",
    code: "ERR_PRIMARY",
    of: ["search", "", "toString"].map((primary) => ({ ...VALID, primary })),
    names: "primary is",
    mend: "write an experiment's key: checkout",
  },
  {
    title: "OPT-40 trust that is none of its forms",
    code: "ERR_TRUST_INBOUND",
    of: ["10.0.0.0/8", "true", 1, {}, null, /10\..*/].map((trustInbound) => ({ ...VALID, trustInbound })),
    names: "trustInbound is",
    mend: 'write true, false, networks such as ["10.0.0.0/8"], or ({ header, peer }) => boolean',
  },
  {
    title: "OPT-41 a network that is none",
    code: "ERR_TRUST_INBOUND",
    of: [
      "10.0.0.0/33",
      "10.0.0/8",
      "localhost",
      "",
      "10.0.0.0/8/8",
      "10.0.0.0/-1",
      "10.0.0.0/",
      "10.0.0.0/1e1",
      "fd00::/129",
      "::ffff:10.0.0.1/129",
      "10.0.0.0 /8",
      "*",
      10,
      null,
      /10/,
    ].map((entry) => ({ ...VALID, trustInbound: ["127.0.0.1", entry] })),
    names: "trustInbound holds",
    mend: 'write networks such as "10.0.0.0/8", "fd00::/8" or "127.0.0.1"',
  },
  {
    title: "OPT-50 destinations that are no list",
    code: "ERR_PROPAGATE_TO",
    of: ["https://shop.internal", {}, 1, true, null, () => true].map((propagateTo) => ({
      ...VALID,
      propagateTo,
    })),
    names: "propagateTo is",
    mend: "it is a list",
  },
  {
    title: "OPT-51 a destination that is no origin",
    code: "ERR_PROPAGATE_TO",
    of: withDestinations(
      "",
      "*",
      "shop.internal",
      "//shop.internal",
      "ftp://shop.internal",
      "https://",
      "https:",
      "file:///etc",
      "null",
      "https://shop.internal:99999",
      "http//shop.internal",
      1,
      null,
      undefined,
      {},
      ["https://shop.internal"],
      "Queue:orders",
      "kafka:orders",
    ),
    names: "propagateTo holds",
    mend: 'write an origin such as "https://api.shop.internal" or "https://*.shop.internal", "queue:NAME", (url) => boolean, or { proxy: "http://proxy.internal:3128" }',
  },
  {
    title: "OPT-57 a URL where its origin is meant",
    code: "ERR_PROPAGATE_TO",
    of: withDestinations(new URL("https://shop.internal")),
    names: "propagateTo holds",
    mend: "write the URL's origin: url.origin",
  },
  {
    title: "OPT-52 a regular expression among the destinations",
    code: "ERR_PROPAGATE_TO",
    of: withDestinations(/shop/, /^https:\/\/shop\.internal$/),
    names: "propagateTo holds the regular expression /",
    mend: "write an origin such as",
  },
  {
    title: "OPT-53 a destination with more than an origin",
    code: "ERR_PROPAGATE_TO",
    of: withDestinations(
      "https://shop.internal/path",
      "https://shop.internal//",
      "https://shop.internal?q",
      "https://shop.internal#h",
      "https://shop.internal\\x",
      " https://shop.internal",
      "https://*.shop.internal/path",
      "https:/shop.internal",
      "https:shop.internal",
      "https://shop.internal/.",
      "https://shop.internal/%2e",
    ),
    names: "propagateTo holds",
    mend: "an origin is only scheme, host and port",
  },
  {
    title: "OPT-54 a star that is not a whole leftmost label",
    code: "ERR_PROPAGATE_TO",
    of: withDestinations(
      "https://*",
      "https://*.",
      "https://*shop.internal",
      "https://a.*.internal",
      "https://**.shop.internal",
      "https://*.*.internal",
      "https://shop.*",
      "https://a*.internal",
      "https://shop.internal:*",
      "https://a.*",
    ),
    names: "propagateTo holds",
    mend: /; \* stands for the whole first label and nothing else, such as "https:\/\/\*\.shop\.internal"$/,
  },
  {
    title: "OPT-55 a destination with a user",
    code: "ERR_PROPAGATE_TO",
    of: withDestinations("https://user@shop.internal", "https://user:secret@shop.internal", "https://@shop.internal"),
    names: "propagateTo holds",
    mend: 'an origin has no user and no password; write "https://shop.internal"',
  },
  {
    title: "OPT-56 a queue without a name of its own",
    code: "ERR_PROPAGATE_TO",
    of: withDestinations("queue:", "queue:*", "queue:a b", "queue:orders*"),
    names: 'propagateTo holds "queue:',
    mend: "a queue has a name without spaces or *",
  },
  {
    title: "OPT-60 a prefix that cannot begin a key, or does not end in a separator",
    code: "ERR_PREFIX",
    of: ["", "experiment", ".", "1.", "a b.", "a=.", "a%.", "a,", "é.", 5, null, {}, `${"a".repeat(64)}.`].map(
      (prefix) => ({
        ...VALID,
        prefix,
      }),
    ),
    names: "prefix is",
    mend: 'such as "experiment."',
  },
  {
    title: "OPT-61 a word that the option does not know",
    code: "ERR_OPTION_VALUE",
    of: ["ignore", true, null, "Drop"].map((unknown) => ({ ...VALID, unknown })),
    names: "unknown is",
    mend: 'write "pass" or "drop"',
  },
  {
    title: "OPT-62 foreign baggage that goes nowhere known",
    code: "ERR_OPTION_VALUE",
    of: ["nowhere", false, null].map((foreignBaggage) => ({ ...VALID, foreignBaggage })),
    names: "foreignBaggage is",
    mend: 'write "everywhere" or "allowed-only"',
  },
  {
    title: "OPT-63 a flag that is neither true nor false",
    code: "ERR_OPTION_VALUE",
    of: ["yes", 1, 0, null].map((strict) => ({ ...VALID, strict })),
    names: "strict is",
    mend: "write true or false",
  },
  {
    title: "OPT-64 trust in what is proxied that is neither true nor false",
    code: "ERR_OPTION_VALUE",
    of: ["yes", 1, null].map((trustProxied) => ({ ...VALID, trustProxied })),
    names: "trustProxied is",
    mend: "write true or false",
  },
];

function withDestinations(...entries: readonly unknown[]): readonly unknown[] {
  return entries.map((entry) => ({ ...VALID, propagateTo: ["https://api.shop.internal", entry] }));
}

describe("bad options", () => {
  test.each(MISTAKES)("$title: $code, with its name and the mend", ({ code, of, names, mend }) => {
    for (const options of of) {
      const error = errorOf(() => create(options));
      expect(error).toMatchObject({ name: "ExperimentConfigError", code });
      expect(error.message).toContain(names);
      expect(error.message).toMatch(mend);
    }
  });

  test("OPT-70 leave no stop behind that nobody could close", () => {
    for (const { of } of MISTAKES) for (const options of of) errorOf(() => create(options));
    expect(diagnosticsChannel.hasSubscribers("undici:request:create")).toBe(false);
    expect(diagnosticsChannel.hasSubscribers("http.client.request.created")).toBe(false);
  });

  test("OPT-71 show no more of a value than helps, whatever the value is", () => {
    const long = errorOf(() => create({ ...VALID, prefix: "x".repeat(10_000) }));
    expect(long.message.length).toBeLessThan(500);
    const symbol = errorOf(() => create({ ...VALID, prefix: Symbol("s") }));
    expect(symbol.message).toContain("Symbol(s)");
  });

  test("OPT-72 include a meter's attribution", () => {
    const experiments = create(VALID);
    // why: callers in JavaScript give what the type forbids
    const error = errorOf(() => experiments.meter("m", { attribution: "all" as "each" }));
    expect(error.code).toBe("ERR_OPTION_VALUE");
    expect(error.message).toBe('attribution is "all"; write "primary" or "each"');
  });
});

const GOOD: readonly { readonly title: string; readonly of: readonly object[] }[] = [
  {
    title: "OPT-80 variants as a list, with weights, with a share of 0, with parts of one, and one alone",
    of: [["a", "b"], { a: 2, b: 1 }, { a: 0, b: 1 }, { a: 0.25, b: 0.75 }, ["a"]].map((variants) => ({
      experiments: { checkout: { id: "checkout_1", variants } },
    })),
  },
  {
    title: "OPT-81 names at the edges of their rules",
    of: [
      { experiments: { a: { id: "A", variants: ["0", "Z.-_", "a".repeat(64)] } } },
      { experiments: { ["a".repeat(32)]: { id: "0".repeat(64), variants: ["a"] }, a_0: CHECKOUT } },
    ],
  },
  {
    title: "OPT-82 trust as a flag, as networks and as a predicate",
    of: [
      true,
      [],
      ["10.0.0.0/8"],
      ["127.0.0.1", "::1", "fd00::/8", "0.0.0.0/0", "::/0", "::ffff:10.0.0.0/104"],
      () => true,
    ].map((trustInbound) => ({ ...VALID, trustInbound })),
  },
  {
    title: "OPT-83 destinations in each of their forms",
    of: [
      [],
      ["https://api.shop.internal"],
      ["https://api.shop.internal/"],
      ["http://127.0.0.1:4001"],
      ["http://[::1]:80"],
      ["HTTPS://API.shop.internal:443"],
      ["https://*.shop.internal:8443"],
      ["queue:orders"],
      [() => true],
    ].map((propagateTo) => ({ trustInbound: true, propagateTo })),
  },
  {
    title: "OPT-84 prefixes",
    of: ["experiment.", "exp-", "ab_", "Shop.exp.", "a.", `${"a".repeat(63)}.`].map((prefix) => ({
      trustInbound: true,
      prefix,
    })),
  },
  {
    title: "OPT-85 the other options, each with each of its values, or undefined",
    of: [
      {
        trustInbound: ["10.0.0.0/8"],
        trustProxied: true,
        unknown: "drop",
        foreignBaggage: "allowed-only",
        strict: true,
      },
      { trustInbound: true, trustProxied: false, unknown: "pass", foreignBaggage: "everywhere", strict: false },
      { experiments: { checkout: CHECKOUT }, primary: "checkout" },
      { experiments: { checkout: CHECKOUT }, primary: undefined, trustInbound: undefined, propagateTo: undefined },
      { experiments: { checkout: CHECKOUT }, prefix: undefined, unknown: undefined, strict: undefined },
      { trustInbound: true, primary: "whatever_the_caller_has" },
      { trustInbound: true, experiments: {} },
    ],
  },
];

describe("good options", () => {
  test.each(GOOD)("$title", ({ of }) => {
    for (const options of of) expect(create(options).current().assignments).toEqual([]);
  });
});

function everything(): {
  experiments: Record<string, { id: string; variants: string[] | Record<string, number> }>;
  primary: string;
  trustInbound: string[];
  propagateTo: string[];
  prefix: string;
  unknown: "pass" | "drop";
  strict: boolean;
} {
  return {
    experiments: {
      checkout: { id: "checkout_1", variants: ["control", "express"] },
      search: { id: "search_1", variants: { control: 1, semantic: 1 } },
    },
    primary: "search",
    trustInbound: ["127.0.0.1"],
    propagateTo: ["https://api.shop.internal"],
    prefix: "exp.",
    unknown: "pass",
    strict: true,
  };
}

describe("a caller's objects", () => {
  test("OPT-90 are not changed, and may be frozen", () => {
    const options = everything();
    const frozen = deepFreeze(everything());
    create(frozen);
    expect(frozen).toEqual(options);
  });

  test("OPT-91 are not read again: changing them later changes nothing", () => {
    const options = everything();
    const experiments = create(options);

    options.experiments["checkout"] = { id: "other", variants: ["other"] };
    options.experiments["cart"] = { id: "cart_1", variants: ["a"] };
    Object.assign(options.experiments["search"]?.variants ?? {}, { lexical: 1 });
    delete options.experiments["search"];
    options.primary = "checkout";
    options.trustInbound.push("10.0.0.1");
    options.propagateTo.push("https://elsewhere.example");
    options.prefix = "other.";
    options.unknown = "drop";
    options.strict = false;

    const header = "exp.checkout.variant=express,exp.cart.variant=b,other.checkout.variant=other";
    const trusted = openRequest(experiments, { header, peer: "127.0.0.1" });
    trusted.run(() => {
      expect(experiments.current().assignments).toMatchObject([
        { key: "checkout", id: "checkout_1", variant: "express" },
        { key: "cart", id: undefined, variant: "b" },
      ]);
      expect(experiments.current().attributes).toEqual({ "experiment.variant": "none" });
      expect(() => experiments.record("search", "lexical")).toThrow("search has no variant");
      expect(() => experiments.record("cart2", "a")).toThrow("there is no experiment");
      experiments.record("search", "semantic");
      expect(experiments.current().attributes).toEqual({
        "experiment.id": "search_1",
        "experiment.variant": "semantic",
      });
    });
    expect(openRequest(experiments, { header, peer: "10.0.0.1" }).scope.assignments).toEqual([]);
    expect(experiments.explain("https://elsewhere.example/").allowed).toBe(false);
    expect(experiments.explain("https://api.shop.internal/").allowed).toBe(true);
  });

  test("OPT-92 do not reach a list of variants that was given as a list", () => {
    const variants = ["control", "express"];
    const experiments = create({ experiments: { checkout: { id: "checkout_1", variants } }, strict: true });
    variants.push("late");
    variants[0] = "changed";
    openRequest(experiments).run(() => {
      expect(() => experiments.record("checkout", "late")).toThrow("declared are control, express");
      expect(experiments.record("checkout", "control")).toBe("control");
    });
  });

  test("OPT-94 are not read again: destinations that are taken out or put in later are as they were", () => {
    const propagateTo: (string | (() => boolean))[] = ["http://*.example.com", () => true];
    const nowhere: string[] = [];
    const [everywhere, silent] = [create({ ...VALID, propagateTo }), create({ ...VALID, propagateTo: nowhere })];
    const before = silent.explain("https://a.example/");
    propagateTo.splice(0);
    nowhere.push("https://a.example");
    expect(silent.explain("https://a.example/")).toEqual(before);
    expect(everywhere.explain("http://a.example.com/").allowed).toBe(true);
    openRequest(everywhere).run(() => {
      everywhere.record("checkout", "express");
      for (const url of ["http://a.example.com/", "https://by-predicate.example/"]) {
        const [baggage] = outbound(everywhere)()?.headersFor(new URL(url), () => []) ?? [];
        expect(baggage).toEqual(["baggage", expect.stringContaining("experiment.checkout.variant=express")]);
      }
    });
  });

  test("OPT-93 get experiments that nobody can change", () => {
    const experiments = create(everything());
    expect(Object.isFrozen(experiments)).toBe(true);
  });
});

describe("defineExperiments", () => {
  test("OPT-95 gives its registry back, which several services then take", () => {
    const registry = { checkout: { id: "checkout_1", variants: ["control", "express"] } };
    const defined = defineExperiments(registry);
    expect(defined).toBe(registry);
    const [first, second] = [create({ experiments: defined }), create({ experiments: defined, prefix: "exp." })];
    for (const experiments of [first, second]) {
      openRequest(experiments).run(() => expect(experiments.record("checkout", "express")).toBe("express"));
    }
  });

  test("OPT-96 throws for what createExperiments would throw for", () => {
    for (const { of } of MISTAKES.filter(({ code }) => /EXPERIMENT|VARIANT|WEIGHT/.test(code))) {
      for (const options of of) {
        const { experiments } = options as { experiments: Parameters<typeof defineExperiments>[0] }; // why: the table's rows have it
        expect(errorOf(() => defineExperiments(experiments)).message).toBe(errorOf(() => create(options)).message);
      }
    }
  });

  test("OPT-97 sets nothing up", () => {
    defineExperiments({ checkout: { id: "checkout_1", variants: ["control"] } });
    expect(diagnosticsChannel.hasSubscribers("undici:request:create")).toBe(false);
  });
});

function deepFreeze<T extends object>(value: T): T {
  for (const part of Object.values(value)) if (typeof part === "object" && part !== null) deepFreeze(part);
  return Object.freeze(value);
}
