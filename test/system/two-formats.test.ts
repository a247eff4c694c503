import { join } from "node:path";
import { trace } from "@opentelemetry/api";
import { Hono } from "hono";
import type * as Core from "otel-experiments";
import type * as CookieStore from "otel-experiments/cookie-store";
import type * as Fields from "otel-experiments/fields";
import type * as FlowEntry from "otel-experiments/flow";
import type * as HonoAdapter from "otel-experiments/hono";
import type * as NodeAdapter from "otel-experiments/node";
import type * as OpenFeature from "otel-experiments/openfeature";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { entries } from "../../package-entries.ts";
import { builtOf } from "../../scripts/entries.ts";
import { closed, REGISTRY } from "../support/experiments.ts";
import { type PackedPackage, packPackage } from "../support/packed-package.ts";
import { startTracing, type Tracing } from "../support/tracing.ts";

// Jest, a bundler or a loader may load the package's CommonJS in a process that loads its ES modules too. What the two
// share on requests and on the wire is in two-copies.test.ts.

/** One format of the package, as built. */
type Format = typeof Core &
  typeof CookieStore &
  typeof Fields &
  typeof FlowEntry &
  typeof HonoAdapter &
  typeof NodeAdapter &
  typeof OpenFeature;

const NAMES = [".", "./cookie-store", "./fields", "./flow", "./hono", "./node", "./openfeature"];

let packed: PackedPackage;
let formats: readonly (readonly [mine: Format, others: Format])[];
let tracing: Tracing;
let directory: string;

beforeAll(async () => {
  packed = await packPackage();
  const peers = ["@opentelemetry/api", "@opentelemetry/core", "fastify-plugin"];
  directory = join(await packed.consumer("two-formats", peers, {}), "node_modules/otel-experiments");
  const [esm, cjs] = [await load("module"), await load("commonJs")];
  formats = [
    [esm, cjs],
    [cjs, esm],
  ];
  tracing = startTracing([]);
});

afterAll(async () => {
  await tracing.stop();
  await packed[Symbol.asyncDispose]();
});

function modulesOf(format: "module" | "commonJs", names: readonly string[]): Promise<readonly object[]> {
  const files = names.map((name) => builtOf(entries[name]?.source ?? name)[format].default);
  return Promise.all(files.map((file) => import(join(directory, file)) as Promise<object>)); // why: a module is an object
}

async function load(format: "module" | "commonJs"): Promise<Format> {
  return Object.assign({}, ...(await modulesOf(format, NAMES))) as Format; // why: these modules export it
}

/** Runs a test for what the ES modules make and CommonJS is given, and for the reverse. */
async function bothWays(body: (mine: Format, others: Format) => unknown): Promise<void> {
  for (const [mine, others] of formats) await body(mine, others);
}

test("FMT-10 each entry has the same names in both formats", async () => {
  const names = Object.keys(entries).filter((name) => name !== "./register");
  const [modules, commonJs] = [await modulesOf("module", names), await modulesOf("commonJs", names)];
  // Node adds `default` and `module.exports` to what import() gives of CommonJS.
  const own = (module: object): readonly string[] =>
    Object.keys(module).filter((name) => name !== "default" && name !== "module.exports");
  expect(commonJs.map(own)).toEqual(modules.map(own));
});

describe("the two formats", () => {
  test("FMT-11 have each an error class, and instanceof holds for the errors of both", () =>
    bothWays((mine, others) => {
      expect(mine.ExperimentConfigError).not.toBe(others.ExperimentConfigError);
      const [config, usage] = [
        new others.ExperimentConfigError("ERR_OPTIONS", "none"),
        new others.ExperimentUsageError("ERR_OPTIONS", "none"),
      ];
      class Narrower extends mine.ExperimentConfigError {}
      expect([config instanceof mine.ExperimentConfigError, usage instanceof mine.ExperimentUsageError]).toEqual([
        true,
        true,
      ]);
      expect([config instanceof mine.ExperimentUsageError, usage instanceof mine.ExperimentConfigError]).toEqual([
        false,
        false,
      ]);
      expect([config instanceof Narrower, new Narrower("ERR_OPTIONS", "none") instanceof Narrower]).toEqual([
        false,
        true,
      ]);
      for (const other of [
        new Error("none"),
        { name: "ExperimentConfigError" },
        undefined,
        null,
        "ExperimentConfigError",
      ]) {
        expect((other as unknown) instanceof mine.ExperimentConfigError).toBe(false); // why: instanceof takes any value
      }
    }));

  test("FMT-12 take each other's fields", () =>
    bothWays(async (mine, others) => {
      const fields = others.defineFields({ user_tier: others.oneOf("free", "premium").on("metric") });
      const experiments = closed(mine.createExperiments({ experiments: REGISTRY, fields }));
      await experiments.run({}, async () => {
        experiments.fields.set("user_tier", "premium");
        await Promise.resolve();
        expect(experiments.fields.get("user_tier")).toBe("premium");
      });
    }));

  test("FMT-13 record an error once that passes from one's flow through the other's", () =>
    bothWays(async (mine, others) => {
      tracing.clear();
      const experiments = closed(mine.createExperiments({ experiments: REGISTRY }));
      const [outer, inner] = [mine.flow(experiments, "checkout"), others.flow(experiments, "payment")];
      const failed = outer.run((step) =>
        step("paying", () => inner.run((part) => part("charging", () => Promise.reject(new Error("declined"))))),
      );
      await expect(failed).rejects.toThrow("declined");
      const spans = tracing.spans();
      expect(spans.map(({ name }) => name)).toEqual([
        "payment.step.charging",
        "payment.process",
        "checkout.step.paying",
        "checkout.process",
      ]);
      expect(spans.map(({ events }) => events.length)).toEqual([1, 0, 0, 0]);
    }));

  test("FMT-14 bound the names of a flow's steps together", () =>
    bothWays(async (mine, others) => {
      tracing.clear();
      const experiments = closed(mine.createExperiments({ experiments: REGISTRY }));
      const flows = [mine.flow(experiments, "checkout"), others.flow(experiments, "checkout")];
      for (const [i, one] of flows.entries()) {
        await one.run(async (step) => {
          for (let n = 0; n < 20; n++) await step(`step_${i}_${n}`, () => undefined);
        });
      }
      const names = tracing.spans().map(({ name }) => name);
      expect(new Set(names.filter((name) => name.startsWith("checkout.step."))).size).toBe(33);
    }));

  test("FMT-15 open one scope for a request of Hono that has no connection", () =>
    bothWays(async (mine, others) => {
      const experiments = closed(mine.createExperiments({ experiments: REGISTRY }));
      const app = new Hono()
        .use(mine.honoExperiments(experiments))
        .use(async (_, next) => {
          experiments.record("checkout", "express");
          await next();
        })
        .use(others.honoExperiments(experiments));
      app.get("/", (context) => context.text(experiments.variant("checkout") ?? "none"));
      expect(await (await app.request("/")).text()).toBe("express");
    }));

  test("FMT-16 keep one's OpenFeature hook from recording what the other's assigner asks", () =>
    bothWays(async (mine, others) => {
      const hook: { ours: OpenFeature.OpenFeatureHook | undefined } = { ours: undefined };
      const client = {
        async getStringDetails(flagKey: string) {
          const details = { value: "express", variant: "express", reason: "TARGETING_MATCH" };
          hook.ours?.after({ flagKey }, details);
          return details;
        },
      };
      const experiments = closed(
        mine.createExperiments({
          experiments: { checkout: { ...REGISTRY.checkout, assigner: others.openFeatureAssigner(client) } },
          recordSubject: "plain",
        }),
      );
      hook.ours = mine.openFeatureHook(experiments);
      await experiments.run({}, async () => {
        await experiments.assign("checkout", "jane");
        expect(experiments.current().assignments).toMatchObject([{ variant: "express", subject: "jane" }]);
      });
    }));

  test("FMT-17 find one's scope by the other's span and context", () =>
    bothWays(async (mine, others) => {
      const experiments = closed(mine.createExperiments({ experiments: REGISTRY }));
      const theirs = closed(others.createExperiments({ experiments: REGISTRY, prefix: "exp." }));
      const tracer = trace.getTracer("test");
      await experiments.run({}, () =>
        theirs.run({}, async () => {
          experiments.record("checkout", "express");
          theirs.record("search", "semantic");
          await new Promise((resolve) => setImmediate(resolve));
          const seen = tracer.startActiveSpan("work", () => [
            experiments.variant("checkout"),
            theirs.variant("search"),
          ]);
          expect(seen).toEqual(["express", "semantic"]);
        }),
      );
    }));
});
