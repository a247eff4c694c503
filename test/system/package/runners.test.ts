import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { entries } from "../../../package-entries.ts";
import { type PackedPackage, packPackage, ROOT, run } from "../../support/packed-package.ts";

// The tests of a service, as the README writes them, under the test runners that services use.

const SPECIFIERS = Object.keys(entries).map((subpath) => subpath.replace(".", "otel-experiments"));

const DEPENDENCIES = [
  "@opentelemetry/api",
  "@opentelemetry/core",
  "express",
  "fastify",
  "fastify-plugin",
  "supertest",
  "vitest",
];

/** How a file of either format names what it needs. */
const FORMATS = {
  commonJs: {
    named: (names: string, from: string) => `const { ${names} } = require(${JSON.stringify(from)});`,
    whole: (name: string, from: string) => `const ${name} = require(${JSON.stringify(from)});`,
    load: "async (name) => require(name)",
  },
  module: {
    named: (names: string, from: string) => `import { ${names} } from ${JSON.stringify(from)};`,
    whole: (name: string, from: string) => `import ${name} from ${JSON.stringify(from)};`,
    load: "(name) => import(name)",
  },
} as const;

/** @param from where the runner's `it` is; undefined if it is a global */
function testFile(format: keyof typeof FORMATS, from?: string): string {
  const { named, whole, load } = FORMATS[format];
  return `
    ${whole("assert", "node:assert")}
    ${whole("express", "express")}
    ${whole("fastify", "fastify")}
    ${whole("request", "supertest")}
    ${named("createExperiments, ExperimentConfigError", "otel-experiments")}
    ${named("expressExperiments", "otel-experiments/express")}
    ${named("fastifyExperiments", "otel-experiments/fastify")}
    ${named("oneOf", "otel-experiments/fields")}
    ${named("testHeaders", "otel-experiments/testing")}
    ${from === undefined ? "" : named("it", from)}

    const load = ${load};

    it("a test brings a variant to Express and to Fastify", async () => {
      const experiments = createExperiments({
        experiments: { checkout: { id: "checkout_1", variants: ["control", "one_click"] } },
        fields: { user_tier: oneOf("free", "premium") },
        store: new Map(),
        trustInbound: true,
        strict: true,
      });
      const headers = testHeaders(experiments, { checkout: "one_click" }, { user_tier: "premium" });
      const app = express();
      app.use(expressExperiments(experiments));
      app.get("/cart", async (_request, response) => {
        await Promise.resolve();
        response.json([experiments.use("checkout"), experiments.fields.get("user_tier")]);
      });
      assert.deepEqual((await request(app).get("/cart").set(headers)).body, ["one_click", "premium"]);
      assert.deepEqual((await request(app).get("/cart")).body, [null, null]);

      const server = fastify();
      await server.register(fastifyExperiments, { experiments });
      server.get("/cart", async () => ({ variant: experiments.use("checkout") }));
      const address = await server.listen();
      assert.deepEqual((await request(address).get("/cart").set(headers)).body, { variant: "one_click" });
      await server.close();
      await experiments.close();
    });

    it("a mistake throws the package's own error", () => {
      assert.throws(() => createExperiments({ experiments: { checkout: { id: "checkout_1", variants: [] } } }), (error) =>
        error instanceof ExperimentConfigError && error instanceof Error && error.code === "ERR_NO_VARIANTS");
    });

    it("every subpath loads", async () => {
      for (const name of ${JSON.stringify(SPECIFIERS)}) assert.equal(typeof (await load(name)), "object", name);
    });
  `;
}

interface Runner {
  readonly runner: string;
  readonly file: string;
  readonly text: string;
  /** Flags of Node. */
  readonly flags?: readonly string[];
  /** The runner's file in `node_modules`; Node itself without one. */
  readonly bin?: string;
  readonly args: readonly string[];
  /** What the output says if all tests passed. */
  readonly passes: RegExp;
}

const JEST = {
  // Only where it keeps its cache, and in which form it reports, differs from its defaults.
  args: ["--ci", "--watchman=false", "--cacheDirectory=cache", "--json"],
  passes: /"numFailedTests":0,.*"numPassedTests":3,/,
};
const MOCHA = { bin: "mocha/bin/mocha.js", passes: /^ +3 passing /m };
const NODE = { args: ["--test", "--test-reporter=tap"], passes: /^# pass 3\n# fail 0$/m };

const RUNNERS: readonly Runner[] = [
  { runner: "Jest 29", file: "shop.test.js", text: testFile("commonJs"), bin: "jest-29/bin/jest.js", ...JEST },
  { runner: "Jest 30", file: "shop.test.js", text: testFile("commonJs"), bin: "jest-30/bin/jest.js", ...JEST },
  {
    runner: "Jest 30, ES modules",
    file: "shop.test.mjs",
    text: testFile("module"),
    flags: ["--no-warnings", "--experimental-vm-modules"],
    bin: "jest-30/bin/jest.js",
    ...JEST,
    args: [...JEST.args, "--testMatch=**/*.test.mjs"],
  },
  {
    runner: "vitest",
    file: "shop.test.mjs",
    text: testFile("module", "vitest"),
    bin: "vitest/vitest.mjs",
    args: ["run", "--root=."],
    passes: /Tests +3 passed \(3\)/,
  },
  { runner: "mocha", file: "shop.cjs", text: testFile("commonJs"), ...MOCHA, args: ["shop.cjs"] },
  { runner: "mocha, ES modules", file: "shop.mjs", text: testFile("module"), ...MOCHA, args: ["shop.mjs"] },
  { runner: "node:test", file: "shop.test.mjs", text: testFile("module", "node:test"), ...NODE },
  { runner: "node:test, CommonJS", file: "shop.test.cjs", text: testFile("commonJs", "node:test"), ...NODE },
];

let packed: PackedPackage;

beforeAll(async () => {
  packed = await packPackage();
});

afterAll(() => packed[Symbol.asyncDispose]());

test.each(RUNNERS)("RNR-01 a service's tests run under the runner's defaults: $runner", async (each) => {
  const { runner, file, text, flags = [], bin, args, passes } = each;
  const directory = await packed.consumer(runner.replaceAll(/\W+/g, "-"), DEPENDENCIES, {
    "package.json": "{}",
    [file]: text,
  });
  const script = bin === undefined ? [] : [join(ROOT, "node_modules", bin)];
  expect(await run(directory, "node", ...flags, ...script, ...args)).toMatch(passes);
});
