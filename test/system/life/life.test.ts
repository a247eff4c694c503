import { InMemoryProvider, OpenFeature } from "@openfeature/server-sdk";
import { type Attributes, SpanKind } from "@opentelemetry/api";
import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { InMemoryLogRecordExporter, LoggerProvider, SimpleLogRecordProcessor } from "@opentelemetry/sdk-logs";
import { cookieStore } from "otel-experiments/cookie-store";
import { openFeatureHook } from "otel-experiments/openfeature";
import { acceptOverrides, signOverride } from "otel-experiments/override";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { pseudonymOf } from "../../../src/assignment/subject.ts";
import { headerValues } from "../../../testing/wire/http-bytes.ts";
import { newestHarnesses } from "../../support/frameworks/all.ts";
import { logs } from "../../support/logs-api.ts";
import { startPoints } from "../../support/points.ts";
import { startTracing } from "../../support/tracing.ts";
import { type Checkout, checkout, startChain } from "./chain.ts";

// The life of an experiment over two services, on each framework, with a real SDK.

const reader = startPoints();
const records = new InMemoryLogRecordExporter();
logs.setGlobalLoggerProvider(new LoggerProvider({ processors: [new SimpleLogRecordProcessor({ exporter: records })] }));
const tracing = startTracing([new HttpInstrumentation()]);
const harnesses = newestHarnesses();

beforeEach(() => {
  tracing.clear();
  records.reset();
});
await OpenFeature.setProviderAndWait(
  new InMemoryProvider({
    checkout: {
      variants: { control: "control", express: "express" },
      defaultVariant: "control",
      disabled: false,
      contextEvaluator: ({ targetingKey }) => (targetingKey === "jane" ? "express" : "control"),
    },
  }),
);
afterAll(async () => {
  await OpenFeature.close();
  await tracing.stop();
});

type Visit = readonly [lines: readonly string[], path: string];

const SECRET = "a secret of the tests, long enough";

/** How often each series of a counter was counted while a test ran. */
async function counting(names: readonly string[], run: () => Promise<unknown>): Promise<readonly string[]> {
  const count = async (): Promise<Map<string, number>> => {
    const all = await reader.metrics();
    const counts = new Map<string, number>();
    for (const name of names) {
      for (const { attributes, value } of all.get(name)?.dataPoints ?? []) {
        counts.set(`${name} ${JSON.stringify(attributes)}`, Number(value));
      }
    }
    return counts;
  };
  const before = await count();
  await run();
  const after = await count();
  return [...after]
    .map(([series, value]) => [series, value - (before.get(series) ?? 0)] as const)
    .filter(([, times]) => times > 0)
    .map(([series, times]) => `${times} ${series}`)
    .toSorted();
}

/** The experiment's attributes of both server spans, the edge's first. */
async function serverAttributes(): Promise<readonly Attributes[]> {
  const spans = await tracing.serverSpans(2);
  return spans
    .toSorted((a, b) => Number(isBehind(a)) - Number(isBehind(b)))
    .map(({ attributes }) =>
      Object.fromEntries(Object.entries(attributes).filter(([name]) => name.startsWith("experiment."))),
    );
}

/** The clocks of two spans may stand at the same tick. */
const isBehind = ({ attributes }: { readonly attributes: Attributes }): boolean => attributes["url.path"] === "/behind";

const events = (name: string): readonly Attributes[] =>
  records
    .getFinishedLogRecords()
    .filter(({ eventName }) => eventName === name)
    .map(({ attributes }) => attributes);

const flat = (variant: string): Attributes => ({ "experiment.id": "checkout_1", "experiment.variant": variant });
const series = (name: string, attributes: Attributes): string => `${name} ${JSON.stringify(attributes)}`;

describe.each(harnesses)("on $name", (harness) => {
  test("LIF-01 a subject is assigned once at the edge, and downstream never reassigns", async () => {
    const seen: (string | undefined)[] = [];
    await using chain = await startChain(harness, {
      atEdge: async (experiments) => {
        seen.push(
          ...(await Promise.all([experiments.assign("checkout", "user-7"), experiments.assign("checkout", "user-1")])),
        );
      },
      atBackend: async (experiments) => void seen.push(await experiments.assign("checkout", "somebody else")),
    });
    const counted = await counting(["experiment.assignments"], () => chain.visit());
    const [variant] = seen;
    expect(["control", "express"]).toContain(variant);
    expect(seen).toEqual([variant, variant, variant]);
    expect(counted).toEqual([
      `1 ${series("experiment.assignments", { ...flat(String(variant)), "feature_flag.result.reason": "split" })}`,
    ]);
    const keyed = { "experiment.checkout.id": "checkout_1", "experiment.checkout.variant": variant };
    expect(await serverAttributes()).toEqual([
      { ...keyed, ...flat(String(variant)) },
      { ...keyed, ...flat(String(variant)) },
    ]);
    const spans = tracing.spans().filter(({ name }) => name === "experiment.assign_variant");
    expect(spans.map(({ kind, attributes }) => [kind, attributes])).toEqual([
      [
        SpanKind.INTERNAL,
        { "feature_flag.key": "checkout", "feature_flag.result.reason": "split", ...flat(String(variant)) },
      ],
    ]);
    expect(events("feature_flag.evaluation")).toEqual([
      {
        "feature_flag.key": "checkout",
        "feature_flag.result.variant": variant,
        "feature_flag.result.reason": "split",
        "feature_flag.provider.name": "otel-experiments",
        "experiment.id": "checkout_1",
      },
    ]);
  });

  test("LIF-02 using a variant exposes once, where it is used; passing it on exposes nobody", async () => {
    await using chain = await startChain(harness, {
      atEdge: async (experiments) => void (await experiments.assign("checkout", "user-7")),
      atBackend: (experiments) => {
        experiments.use("checkout");
        experiments.use("checkout");
        experiments.expose("checkout");
      },
    });
    const counted = await counting(["experiment.exposures", "experiment.conversions"], () => chain.visit());
    expect(counted).toHaveLength(1);
    expect(counted[0]).toMatch(/^1 experiment\.exposures .*"checkout_1"/);
    const [edge, backend] = await serverAttributes();
    expect(edge).not.toHaveProperty("experiment.checkout.exposed");
    expect(backend).toMatchObject({ "experiment.checkout.exposed": true });
    expect(events("experiment.exposure")).toHaveLength(1);
  });

  test("LIF-03 a conversion counts for what was exposed here, or for the experiment that is named", async () => {
    const variant = "express";
    await using chain = await startChain(harness, {
      atEdge: (experiments) => void experiments.record("checkout", variant),
      atBackend: (experiments) => experiments.convert("page_left", { experiment: "checkout" }),
      afterwards: (experiments) => {
        experiments.convert("too_early");
        experiments.use("checkout");
        experiments.convert("order_placed", { value: 49.9 });
        experiments.convert("order_placed", { value: 0.1 });
      },
    });
    const counted = await counting(["experiment.conversions"], () => chain.visit());
    expect(counted).toEqual([
      `1 ${series("experiment.conversions", { ...flat(variant), "experiment.conversion": "page_left" })}`,
      `2 ${series("experiment.conversions", { ...flat(variant), "experiment.conversion": "order_placed" })}`,
    ]);
    const [edge, backend] = await serverAttributes();
    expect(edge).toMatchObject({
      "experiment.checkout.conversions": ["order_placed"],
      "experiment.checkout.conversion.value": 50,
    });
    expect(backend).toMatchObject({ "experiment.checkout.conversions": ["page_left"] });
    expect(backend).not.toHaveProperty("experiment.checkout.conversion.value");
  });

  const overrides = (from: object) =>
    acceptOverrides({ secrets: ["the new secret, in front", SECRET], audience: "staging", from });
  const token = (audience = "staging", variants: Record<string, string> = { checkout: "express" }): string =>
    signOverride(variants, { secret: SECRET, audience, expiresIn: "2h" });

  test.each([
    [
      "a header",
      { header: "x-experiment-override" },
      (text: string): Visit => [[`x-experiment-override: ${text}`], "/"],
    ],
    ["a cookie", { cookie: "qa" }, (text: string): Visit => [[`cookie: a=b; qa=${text}`], "/"]],
    ["the query", { query: "qa" }, (text: string): Visit => [[], `/?a=b&qa=${text}`]],
  ] as const)(
    "LIF-04 an override in %s forces a variant, which travels as forced and counts nowhere",
    async (_, from, carry) => {
      const seen: unknown[] = [];
      const look = async (experiments: Checkout): Promise<void> => {
        seen.push(
          await experiments.assign("checkout", "user-1"),
          experiments.use("checkout"),
          experiments.current().attributes,
        );
        experiments.convert("order_placed");
        experiments.convert("order_placed", { experiment: "checkout" });
      };
      await using chain = await startChain(harness, {
        edge: { overrides: overrides(from) },
        atEdge: look,
        atBackend: look,
      });
      const counters = [
        "experiment.exposures",
        "experiment.conversions",
        "experiment.assignments",
        "experiment.override.rejections",
      ];
      const counted = await counting(counters, () => chain.visit(...carry(token())));
      expect(seen).toEqual([
        "express",
        "express",
        { "experiment.variant": "none" },
        "express",
        "express",
        { "experiment.variant": "none" },
      ]);
      expect(counted).toEqual([]);
      for (const attributes of await serverAttributes()) {
        expect(attributes).toMatchObject({
          "experiment.checkout.variant": "express",
          "experiment.checkout.forced": true,
        });
        expect(attributes).not.toHaveProperty("experiment.checkout.exposed");
      }
      expect(events("experiment.exposure")).toEqual([]);
    },
  );

  test.each([
    ["tampered", (): string => `${token().slice(0, -4)}AAAA`],
    ["audience", (): string => token("production")],
    ["unknown", (): string => token("staging", { search: "express" })],
    ["unknown", (): string => token("staging", { checkout: "no_such_variant" })],
    ["malformed", (): string => "checkout=express"],
  ])("LIF-05 an override that is no good is ignored and counted: %s", async (reason, make) => {
    const seen: unknown[] = [];
    await using chain = await startChain(harness, {
      edge: { overrides: overrides({ header: "x-experiment-override" }) },
      atEdge: (experiments) => void seen.push(experiments.variant("checkout")),
    });
    const counted = await counting(["experiment.override.rejections"], () =>
      chain.visit([`x-experiment-override: ${make()}`]),
    );
    expect(seen).toEqual([undefined]);
    expect(counted).toEqual([`1 ${series("experiment.override.rejections", { reason })}`]);
  });

  test("LIF-06 behind the edge no token is taken", async () => {
    const seen: unknown[] = [];
    await using chain = await startChain(harness, {
      edge: { trustInbound: true, overrides: overrides({ header: "x-experiment-override" }) },
      atEdge: (experiments) => void seen.push(experiments.variant("checkout")),
    });
    const counted = await counting(["experiment.override.rejections"], () =>
      chain.visit([`x-experiment-override: ${token()}`]),
    );
    expect(seen).toEqual([undefined]);
    expect(counted).toEqual([`1 ${series("experiment.override.rejections", { reason: "inside" })}`]);
  });

  test("LIF-07 a visitor whom nobody knows stays in their variant by a signed cookie", async () => {
    const seen: (string | undefined)[] = [];
    let visits = 0;
    await using chain = await startChain(harness, {
      edge: { store: cookieStore({ secrets: SECRET }) },
      atEdge: async (experiments) => {
        seen.push(await experiments.assign("checkout", `visit-${visits++}`));
      },
    });
    const first = await chain.visit();
    const [visitor = "", variant = "", ...others] = headerValues(first.lines, "set-cookie");
    expect(others).toEqual([]);
    const attributes = /^[^=;]+=[^;]+; Max-Age=7776000; Path=\/; SameSite=Lax; Secure; HttpOnly$/;
    expect([visitor.split("=")[0], variant.split("=")[0]]).toEqual(["experiments", "experiments.checkout_1"]);
    for (const cookie of [visitor, variant]) expect(cookie).toMatch(attributes);
    const pair = visitor.split(";", 1)[0];
    for (let i = 0; i < 20; i++) await chain.visit([`user-agent: ${i}`, `cookie: other=1; ${pair}`]);
    expect(new Set(seen).size).toBe(1);
    // Without its signature it is no cookie.
    seen.length = 0;
    for (let i = 0; i < 20; i++) await chain.visit([`user-agent: ${i}`, `cookie: ${pair?.slice(0, -4)}AAAA`]);
    expect(new Set(seen).size).toBe(2);
  });

  test("LIF-08 a subject's pseudonym joins exposure and conversion over services and requests, and its name is nowhere", async () => {
    const options = { recordSubject: "hashed", subjectSecret: SECRET } as const;
    await using chain = await startChain(harness, {
      edge: options,
      backend: options,
      atEdge: async (experiments) => void (await experiments.assign("checkout", "jane@example.com")),
      atBackend: (experiments) => void experiments.use("checkout"),
    });
    await chain.visit();
    const subject = pseudonymOf("checkout_1", "jane@example.com", SECRET);
    for (const attributes of await serverAttributes()) {
      expect(attributes).toMatchObject({ "experiment.checkout.subject": subject });
    }
    expect(events("experiment.exposure")).toMatchObject([{ "experiment.checkout.subject": subject }]);
    const everything = JSON.stringify([
      tracing.spans().map(({ attributes }) => attributes),
      events("feature_flag.evaluation"),
    ]);
    expect(everything).not.toContain("jane");
  });

  test("LIF-09 a plain subject is on span and events, and does not travel", async () => {
    await using chain = await startChain(harness, {
      edge: { recordSubject: "plain" },
      atEdge: async (experiments) => void (await experiments.assign("checkout", "jane")),
    });
    await chain.visit();
    const [edge, backend] = await serverAttributes();
    expect(edge).toMatchObject({ "experiment.checkout.subject": "jane" });
    expect(backend).not.toHaveProperty("experiment.checkout.subject");
    expect(events("feature_flag.evaluation")).toMatchObject([{ "experiment.checkout.subject": "jane" }]);
  });

  test("LIF-10 what an assigner fails to decide is the fallback, which no service exposes", async () => {
    const seen: unknown[] = [];
    const look = (experiments: Checkout): void => void seen.push(experiments.use("checkout"));
    const failing = { ...checkout, fallback: "control", assigner: () => Promise.reject(new Error("down")) };
    await using chain = await startChain(harness, {
      edge: { experiments: { checkout: failing } },
      atEdge: async (experiments) => {
        await experiments.assign("checkout", "user-7");
        look(experiments);
      },
      atBackend: look,
    });
    const counted = await counting(["experiment.exposures", "experiment.assignments"], () => chain.visit());
    expect(seen).toEqual(["control", "control"]);
    expect(counted).toEqual([
      `1 ${series("experiment.assignments", { ...flat("control"), "feature_flag.result.reason": "error", "error.type": "assigner_error" })}`,
    ]);
  });

  test("LIF-11 what OpenFeature evaluates in a handler is the request's assignment, and travels", async () => {
    const client = OpenFeature.getClient();
    const seen: unknown[] = [];
    await using chain = await startChain(harness, {
      atEdge: async (experiments) => {
        client.addHooks(openFeatureHook(experiments));
        seen.push(await client.getStringValue("checkout", "none", { targetingKey: "jane" }));
        client.clearHooks();
      },
      atBackend: (experiments) => void seen.push(experiments.use("checkout")),
    });
    const counted = await counting(["experiment.assignments"], () => chain.visit());
    expect(seen).toEqual(["express", "express"]);
    expect(counted).toEqual([
      `1 ${series("experiment.assignments", { ...flat("express"), "feature_flag.result.reason": "targeting_match" })}`,
    ]);
  });

  test("LIF-12 an experiment that is stopped at run time assigns nobody any more, at the edge alone", async () => {
    const seen: unknown[] = [];
    let stop = false;
    await using chain = await startChain(harness, {
      atEdge: async (experiments) => {
        if (stop) experiments.replace({ checkout: { ...checkout, status: "stopped" } });
        seen.push(await experiments.assign("checkout", "user-7"));
      },
      atBackend: (experiments) => void seen.push(experiments.variant("checkout")),
    });
    await chain.visit();
    stop = true;
    await chain.visit();
    expect(seen[0]).toBeDefined();
    expect(seen).toEqual([seen[0], seen[0], undefined, undefined]);
  });

  test("LIF-13 who is not targeted takes no part in either service, and is measured as none", async () => {
    const seen: unknown[] = [];
    const targeting = ({ country }: { readonly country?: unknown }): boolean => country === "NL";
    await using chain = await startChain(harness, {
      edge: { experiments: { checkout: Object.assign({}, checkout, { targeting }) } },
      atEdge: async (experiments, { request }) => {
        const country = request.headers["x-country"];
        seen.push(await experiments.assign("checkout", "user-7", { attributes: { country } }));
      },
      atBackend: (experiments) => void seen.push(experiments.use("checkout"), experiments.current().attributes),
    });
    await chain.visit(["x-country: DE"]);
    expect(seen).toEqual([undefined, undefined, { "experiment.variant": "none" }]);
    seen.length = 0;
    await chain.visit(["x-country: NL"]);
    expect(seen[0]).toBeDefined();
    expect(seen[1]).toBe(seen[0]);
  });
});
