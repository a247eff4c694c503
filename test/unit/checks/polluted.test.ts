import { metrics } from "@opentelemetry/api";
import { createExperiments, defineExperiments } from "otel-experiments";
import { cookieStore } from "otel-experiments/cookie-store";
import { expressExperiments } from "otel-experiments/express";
import { experimentFetch } from "otel-experiments/fetch";
import { integer, list, oneOf, text } from "otel-experiments/fields";
import { flow } from "otel-experiments/flow";
import { acceptOverrides, signOverride } from "otel-experiments/override";
import {
  ExperimentLogRecordProcessor,
  ExperimentPropagator,
  ExperimentSpanProcessor,
  experimentViews,
  withExperiments,
} from "otel-experiments/sdk";
import { experimentInterceptor } from "otel-experiments/undici";
import { describe, expect, test } from "vitest";
import { processWide } from "../../../src/process-wide.ts";
import { whileInherited } from "../../support/inherited.ts";

// Code elsewhere may write to `Object.prototype` what a stranger chose. That is nobody's option.

const SECRET = "0123456789abcdef";
const REGISTRY = { checkout: { id: "checkout_1", variants: ["control", "express"] } } as const;

const made: { close(): Promise<void> }[] = [];

function create(): ReturnType<typeof createExperiments<typeof REGISTRY>> {
  const experiments = createExperiments({ experiments: REGISTRY });
  made.push(experiments);
  return experiments;
}

/** Calls with the fewest options that each takes, and all options that it has. */
const CALLS: readonly (readonly [name: string, call: () => unknown, options: readonly string[]])[] = [
  [
    "createExperiments",
    create,
    [
      "primary",
      "trustInbound",
      "trustProxied",
      "propagateTo",
      "prefix",
      "unknown",
      "foreignBaggage",
      "overrides",
      "store",
      "recordSubject",
      "subjectSecret",
      "fields",
      "strict",
      "onExposure",
      "onConversion",
    ],
  ],
  [
    "defineExperiments",
    () => defineExperiments(REGISTRY),
    ["seed", "coverage", "namespace", "targeting", "status", "assigner", "timeLimitMs", "fallback"],
  ],
  [
    "a namespace",
    () =>
      expect(() =>
        // why: a namespace without a range breaks the type
        defineExperiments({
          a: { id: "a_1", variants: ["x"], namespace: { name: "n" } as { name: string; range: [0, 1] } },
        }),
      ).toThrow("namespace"),
    ["range"],
  ],
  [
    "cookieStore",
    () => cookieStore({ secrets: SECRET }),
    ["maxAge", "path", "domain", "sameSite", "secure", "httpOnly"],
  ],
  ["acceptOverrides", () => acceptOverrides({ secrets: SECRET, audience: "a" }), ["from", "maxLifetime"]],
  ["from", () => acceptOverrides({ secrets: SECRET, audience: "a", from: { header: "x" } }), ["cookie", "query"]],
  ["signOverride", () => signOverride({ a: "x" }, { secret: SECRET, audience: "a" }), ["expiresIn"]],
  ["integer", () => integer({}), ["min", "max"]],
  ["text", () => text({}), ["maxLength", "pattern"]],
  ["list", () => list({}), ["maxItems", "maxLength", "pattern"]],
  ["a flow", () => flow(create(), "a_flow", {}), ["converts", "attribution"]],
  ["a meter", () => create().meter("m", {}), ["version", "schemaUrl", "attribution"]],
  ["an adapter", () => expressExperiments(create(), {}), ["serverSpan", "route", "subject", "attributes", "assign"]],
  ["experimentFetch", () => experimentFetch(create(), {}), ["spans"]],
  ["experimentInterceptor", () => experimentInterceptor(create(), {}), ["spans"]],
  ["ExperimentPropagator", () => new ExperimentPropagator({}), ["inject"]],
  ["ExperimentSpanProcessor", () => new ExperimentSpanProcessor({}), ["experiments", "attributes", "kinds"]],
  ["ExperimentLogRecordProcessor", () => new ExperimentLogRecordProcessor({}), ["experiments", "attributes"]],
  ["withExperiments", () => withExperiments(metrics.getMeterProvider(), {}), ["instruments"]],
  ["experimentViews", () => experimentViews({}), ["instruments"]],
  ["run", () => create().run({ baggage: "experiment.checkout.variant=express" }, () => undefined, {}), ["trusted"]],
  ["convert", () => create().convert("order_placed", {}), ["experiment"]],
];

/** Runs a function while every object inherits a property, and gives how often it was read. */
function readsOf(name: string, run: () => unknown): number {
  let reads = 0;
  const get = (): undefined => void reads++;
  whileInherited({ [name]: { get } }, run);
  return reads;
}

describe.each(CALLS)("%s", (_name, call, options) => {
  test.each(options)("PLT-01 does not read the option %s where every object inherits it", async (option) => {
    expect(readsOf(option, call)).toBe(0);
    for (const experiments of made.splice(0)) await experiments.close();
  });
});

test("PLT-02 an inherited option has no effect, and one of the options' own class has", async () => {
  const headers = { baggage: "experiment.checkout.variant=express" };
  const seen: unknown[] = [];
  const yes = { enumerable: true, writable: true, value: true };
  whileInherited({ trustInbound: yes, trusted: yes }, () => {
    const experiments = create();
    seen.push(experiments.run(headers, () => experiments.variant("checkout"), {}));
    seen.push(experiments.run(headers, () => experiments.variant("checkout")));
  });
  expect(seen).toEqual([undefined, undefined]);
  class Options {
    readonly experiments = REGISTRY;
    get trustInbound(): boolean {
      return true;
    }
  }
  const experiments = createExperiments(new Options());
  made.push(experiments);
  expect(experiments.run(headers, () => experiments.variant("checkout"))).toBe("express");
  for (const each of made.splice(0)) await each.close();
});

test("PLT-03 fields of a class are stores and sources of overrides as well", () => {
  expect(oneOf("a").mutable()).toBeDefined();
  class Store {
    get(): undefined {
      return undefined;
    }
    set(): void {}
  }
  const experiments = createExperiments({ experiments: REGISTRY, store: new Store() });
  made.push(experiments);
  expect(experiments.explain("https://a.example").allowed).toBe(false);
});

describe("the state of the process", () => {
  const keyOf = (name: string): symbol => Symbol.for(`otel-experiments.${name}`);

  test("PLT-04 is found again by another copy", () => {
    const [one, other] = [processWide("plt-1.v1", () => new Map()), processWide("plt-1.v1", () => new Map())];
    expect(one()).toBe(other());
  });

  test("PLT-05 is not taken from what every object inherits", () => {
    const key = keyOf("plt-2.v1");
    const forged = new Map();
    const state = whileInherited(
      { [key]: { value: forged } },
      processWide("plt-2.v1", () => new Map()),
    );
    expect(state).not.toBe(forged);
  });

  test.each([
    ["a text", "x"],
    ["another class", new Set()],
    ["an object without the properties", {}],
    ["nothing", null],
  ])("PLT-06 is made anew where %s stands in its place", (what, value) => {
    const name = `plt-3-${what.replaceAll(" ", "-")}.v1`;
    Object.defineProperty(globalThis, keyOf(name), { value });
    const state = processWide(name, () => ({ areMade: false }));
    expect(state()).toEqual({ areMade: false });
    expect(state()).toBe(state());
  });

  test("PLT-07 is made anew where a getter stands in its place, which is not called", () => {
    const name = "plt-4.v1";
    Object.defineProperty(globalThis, keyOf(name), {
      get() {
        throw new Error("it was called");
      },
    });
    expect(processWide(name, () => new Set())()).toEqual(new Set());
  });
});
