import { GrowthBookClient } from "@growthbook/growthbook";
import { GrowthbookProvider } from "@openfeature/growthbook-provider";
import { InMemoryProvider, OpenFeature, type Provider } from "@openfeature/server-sdk";
import { createExperiments } from "otel-experiments";
import { openFeatureAssigner, openFeatureHook } from "otel-experiments/openfeature";
import { afterAll, expect, test } from "vitest";
import { openRequest } from "../support/opened-request.ts";

afterAll(() => OpenFeature.close());

/** A client over a provider, in a domain of its own. */
async function clientOf(domain: string, provider: Provider) {
  await OpenFeature.setProviderAndWait(domain, provider);
  return OpenFeature.getClient(domain);
}

type Evaluate = (context: { targetingKey?: string }) => "a" | "b" | "odd";

const flag = (contextEvaluator: Evaluate) => ({
  variants: { a: "control", b: "express", odd: "no_such_variant" },
  defaultVariant: "a",
  disabled: false,
  contextEvaluator,
});

const inMemory = (key: string, evaluate: Evaluate) => new InMemoryProvider({ [key]: flag(evaluate) });

test("OF-01 an assigner asks with the subject as targeting key, and the value counts where it is a declared variant", async () => {
  const client = await clientOf(
    "one",
    inMemory("checkout", ({ targetingKey }) => (targetingKey === "jane" ? "b" : "a")),
  );
  const experiments = createExperiments({
    experiments: {
      checkout: { id: "checkout_1", variants: ["control", "express"], assigner: openFeatureAssigner(client) },
    },
  });
  const ask = (subject: string) => openRequest(experiments).run(() => experiments.assign("checkout", subject));
  expect([await ask("jane"), await ask("joe")]).toEqual(["express", "control"]);
  await experiments.close();
});

const failing: readonly (readonly [name: string, flag: string, evaluate: Evaluate])[] = [
  ["a flag that there is none of", "other", () => "b"],
  ["a value that is no variant", "checkout", () => "odd"],
  [
    "a provider that throws",
    "checkout",
    () => {
      throw new Error("down");
    },
  ],
];

test.each(failing)("OF-02 %s gives the fallback", async (name, key, evaluate) => {
  const client = await clientOf(name, inMemory(key, evaluate));
  const experiments = createExperiments({
    experiments: {
      checkout: {
        id: "checkout_1",
        variants: ["control", "express"],
        fallback: "control",
        assigner: openFeatureAssigner(client, { flag: "checkout" }),
      },
    },
  });
  await openRequest(experiments).run(async () => {
    expect(await experiments.assign("checkout", "jane")).toBe("control");
  });
  await experiments.close();
});

test("OF-03 a hook records what somebody evaluates, and passes other flags over", async () => {
  const client = await clientOf(
    "hooked",
    new InMemoryProvider({ "new-checkout": flag(() => "b"), theme: flag(() => "a"), search: flag(() => "odd") }),
  );
  const experiments = createExperiments({
    experiments: {
      checkout: { id: "checkout_1", variants: ["control", "express"] },
      search: { id: "search_1", variants: ["control", "semantic"] },
    },
    strict: true,
  });
  client.addHooks(openFeatureHook(experiments, { experiments: { "new-checkout": "checkout" } }));
  await openRequest(experiments).run(async () => {
    expect(await client.getStringValue("new-checkout", "x", { targetingKey: "jane" })).toBe("express");
    expect(await client.getStringValue("theme", "x")).toBe("control");
    expect(await client.getStringValue("search", "x")).toBe("no_such_variant");
    expect(experiments.current().assignments).toEqual([
      { key: "checkout", id: "checkout_1", variant: "express", forced: false },
    ]);
  });
  await experiments.close();
});

test("OF-05 an assigner beside the hook decides: its assignment has its subject, and is the only one", async () => {
  const client = await clientOf(
    "both",
    inMemory("checkout", () => "b"),
  );
  const experiments = createExperiments({
    experiments: {
      checkout: { id: "checkout_1", variants: ["control", "express"], assigner: openFeatureAssigner(client) },
    },
    recordSubject: "plain",
  });
  client.addHooks(openFeatureHook(experiments));
  await openRequest(experiments).run(async () => {
    expect(await experiments.assign("checkout", "jane")).toBe("express");
    expect(experiments.current().assignments).toMatchObject([{ variant: "express", subject: "jane" }]);
  });
  await experiments.close();
});

test("OF-06 without a client, or with a flag that is no text, set-up says so", () => {
  const nothing: unknown = undefined;
  // why: what a program without types can do
  expect(() => openFeatureAssigner(nothing as ReturnType<typeof OpenFeature.getClient>)).toThrow(
    "OpenFeature.getClient()",
  );
  expect(() => openFeatureAssigner(OpenFeature.getClient(), { flag: "" })).toThrow("the flag's key");
});

test("OF-04 GrowthBook's provider deals as the built-in hash does", async () => {
  const payload = {
    features: {
      checkout: {
        defaultValue: "none",
        rules: [
          {
            key: "checkout_1",
            seed: "checkout_1",
            hashAttribute: "id",
            hashVersion: 2,
            variations: ["control", "express"],
            weights: [0.5, 0.5],
          },
        ],
      },
    },
  };
  const context = { apiHost: "http://127.0.0.1:9", clientKey: "sdk-test" };
  const provider = new GrowthbookProvider(context, {});
  // The provider would load its features over the network; they are given to the client that it makes.
  const growthbook = new GrowthBookClient(context).initSync({ payload });
  Reflect.set(provider, "_client", growthbook);
  const client = await clientOf("growthbook", Object.assign(provider, { initialize: async () => undefined }));
  const definition = { id: "checkout_1", variants: ["control", "express"] } as const;
  const asked = createExperiments({
    experiments: { checkout: { ...definition, assigner: openFeatureAssigner(client) } },
  });
  const hashed = createExperiments({ experiments: { checkout: definition } });
  for (let i = 0; i < 200; i++) {
    const attributes = { id: `user-${i}` };
    const theirs = await openRequest(asked).run(() => asked.assign("checkout", `user-${i}`, { attributes }));
    const ours = await openRequest(hashed).run(() => hashed.assign("checkout", `user-${i}`));
    expect(theirs).toBe(ours);
  }
  await asked.close();
  await hashed.close();
});
