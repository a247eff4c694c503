import { EventEmitter } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createExperiments } from "otel-experiments";
import { inbound } from "otel-experiments/adapter";
import { acceptOverrides, signOverride } from "otel-experiments/override";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CommandResult, ROOT, runCommand } from "./command.ts";

let scratch: string;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "otel-experiments-cli-"));
});
afterAll(() => rm(scratch, { recursive: true, force: true }));

/** Writes a module and describes it. */
async function describeModule(name: string, code: string, ...args: readonly string[]): Promise<CommandResult> {
  await writeFile(join(scratch, name), code);
  return runCommand(["describe", `./${name}`, ...args], { cwd: scratch });
}

const ours = (path: string): string => JSON.stringify(join(ROOT, path));

describe("the command line", () => {
  test.each([["--help"], ["-h"], []])("CLI-01 says what there is: %s", async (...args) => {
    const { exitCode, stdout, stderr } = await runCommand(args);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout).toContain("override KEY=VARIANT");
    expect(stdout).toContain("describe MODULE");
  });

  test.each([
    ["bogus"],
    ["toString"],
    ["describe"],
    ["describe", "a", "b"],
    ["describe", "--nope", "a"],
    ["override"],
    ["explain"],
    ["explain", "a"],
    ["verify"],
    ["verify", "a", "b"],
  ])("CLI-02 ends with 2 where it is used wrongly, and says how: %s %s", async (...args) => {
    const { exitCode, stdout, stderr } = await runCommand(args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(stderr).toMatch(/^otel-experiments: .*\n\nUsage: otel-experiments/s);
  });

  test.each(["describe", "explain", "override", "verify"])("CLI-03 says more of %s", async (name) => {
    const { exitCode, stdout } = await runCommand([name, "--help"]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`Usage: otel-experiments ${name}`);
  });

  test.each(["--version", "-v"])("CLI-04 prints the version: %s", async (option) => {
    const { version }: { readonly version?: unknown } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8"));
    expect(await runCommand([option])).toEqual({ exitCode: 0, stdout: `${String(version)}\n`, stderr: "" });
  });
});

describe("what describes", () => {
  test("CLI-10 prints experiments and fields once, and ends though the module keeps timers", async () => {
    const { exitCode, stdout, stderr } = await runCommand(["describe", "test/system/cli/shop.ts"]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout).toBe(`experiments

  EXPERIMENT  ID          VARIANTS                        STATUS   COVERAGE  ASSIGNER  ON THE WIRE
  checkout    checkout_1  control 66.67%, express 33.33%  running  50%       no        experiment.checkout.variant=<variant>,experiment.checkout.id=checkout_1
  search      search_1    bm25 50%, semantic 50%          stopped  100%      yes       experiment.search.variant=<variant>,experiment.search.id=search_1

  FIELD       TYPE                                             ON                 MUTABLE  ON THE WIRE
  user_tier   "free" | "premium"                               span, log, metric  no       user_tier=<free or premium>
  is_premium  boolean                                          the wire alone     no       is_premium=<true or false>
  item_count  integer from 0 to 999                            span               yes      item_count=<decimal>
  features    list of up to 4 texts, each up to 64 characters  the wire alone     no       features=<item>|<item>…
  region      text, /[a-z]+/, up to 64 characters              the wire alone     no       region=<text>
`);
  });

  test("CLI-11 prints the same for programs", async () => {
    const { exitCode, stdout } = await runCommand(["describe", join(ROOT, "test/system/cli/shop.ts"), "--json"]);
    expect(exitCode).toBe(0);
    const printed: unknown = JSON.parse(stdout);
    expect(printed).toMatchObject({
      exports: [
        {
          name: "experiments",
          experiments: [
            {
              key: "checkout",
              id: "checkout_1",
              variants: [
                { name: "control", share: 2 / 3 },
                { name: "express", share: 1 / 3 },
              ],
              status: "running",
              coverage: 0.5,
              assigner: false,
              wire: "experiment.checkout.variant=<variant>,experiment.checkout.id=checkout_1",
            },
            { key: "search", status: "stopped", assigner: true },
          ],
          fields: [
            {
              name: "user_tier",
              type: '"free" | "premium"',
              on: ["span", "log", "metric"],
              mutable: false,
              wire: "user_tier=<free or premium>",
            },
            { name: "is_premium", on: [] },
            { name: "item_count", mutable: true },
            { name: "features" },
            { name: "region" },
          ],
        },
      ],
    });
  });

  test("CLI-12 takes registries, fields and default exports alone, and CommonJS, each once", async () => {
    const fields = `
      import { boolean, defineFields } from ${ours("src/fields/index.ts")};
      export default defineFields({ is_premium: boolean() });
      export const others = 1;
    `;
    const alone = await describeModule("fields.mjs", fields);
    expect(alone).toMatchObject({ exitCode: 0, stderr: "" });
    expect(alone.stdout).toMatch(/^default\n\n {2}FIELD .*\n {2}is_premium {2}boolean/);
    const registry = `
      const { defineExperiments } = require(${ours("src/index.ts")});
      exports.checkout = defineExperiments({ checkout: { id: "checkout_1", variants: ["a", "b"] } });
    `;
    const { exitCode, stdout } = await describeModule("registry.cjs", registry);
    expect(exitCode).toBe(0);
    expect(stdout.match(/checkout_1 /g)).toHaveLength(1);
  });

  test("CLI-13 prints long tables whole into a pipe", async () => {
    const many = `
      import { defineExperiments } from ${ours("src/index.ts")};
      const of = (i) => ["e" + i, { id: "id_" + i, variants: Array.from({ length: 60 }, (_, n) => "v".repeat(50) + n) }];
      export const registry = defineExperiments(Object.fromEntries(Array.from({ length: 300 }, (_, i) => of(i))));
    `;
    const { exitCode, stdout } = await describeModule("many.mjs", many, "--json");
    expect(exitCode).toBe(0);
    expect(stdout.length).toBeGreaterThan(1_000_000);
    expect(JSON.parse(stdout)).toMatchObject({ exports: [{ name: "registry" }] });
  });

  test.each([
    ["no-such-file.js", undefined, /the file .*no-such-file\.js does not exist/],
    ["nothing.mjs", "export {};", /exports nothing; export the result of/],
    [
      "others.mjs",
      "export const a = 1, b = {}, c = { get d() { throw new Error('mine'); } };",
      /exports a, b, c, and none of them declares/,
    ],
    ["throws.mjs", "throw new Error('its own');", /could not be imported: its own/],
    [
      "wrong.mjs",
      'export const w = { checkout: { id: "a b", variants: ["a"] } };',
      /the export w: experiments\.checkout\.id/,
    ],
  ])("CLI-14 ends with 1 and says why: %s", async (name, code, why) => {
    if (code !== undefined) await writeFile(join(scratch, name), code);
    const { exitCode, stdout, stderr } = await runCommand(["describe", `./${name}`], { cwd: scratch });
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
    expect(stderr).toMatch(why);
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  test("CLI-15 finds a package from the working folder, by the conditions of import", async () => {
    const folder = join(scratch, "node_modules/shop-fields");
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "package.json"), '{ "name": "shop-fields", "exports": { "import": "./index.mjs" } }');
    const code = `import { boolean } from ${ours("src/fields/index.ts")}; export const fields = { is_premium: boolean() };`;
    await writeFile(join(folder, "index.mjs"), code);
    const found = await runCommand(["describe", "shop-fields"], { cwd: scratch });
    expect(found).toMatchObject({ exitCode: 0, stderr: "" });
    expect(found.stdout).toContain("is_premium");
    const { exitCode, stderr } = await runCommand(["describe", "no-such-package"], { cwd: scratch });
    expect(exitCode).toBe(1);
    expect(stderr).toContain("no-such-package could not be imported");
  });
});

describe("what overrides", () => {
  const SECRET = "a secret of the tests, long enough";
  const env = { OTEL_EXPERIMENTS_OVERRIDE_SECRET: SECRET };

  test("CLI-20 signs what a service takes, and prints nothing else", async () => {
    const args = ["override", "checkout=express", "--audience", "staging", "--expires-in", "90s"];
    const { exitCode, stdout, stderr } = await runCommand(args, { env });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    const token = stdout.trim();
    const experiments = createExperiments({
      experiments: { checkout: { id: "checkout_1", variants: ["control", "express"] } },
      overrides: acceptOverrides({ secrets: [SECRET], audience: "staging" }),
    });
    const open = inbound(experiments);
    const variantWith = (value: string): unknown => {
      const opened = open({
        header: (name) => (name === "x-experiment-override" ? value : undefined),
        peer: "127.0.0.1",
        request: new EventEmitter(),
        response: new EventEmitter(),
      });
      return opened.run(() => experiments.current().assignments);
    };
    expect(variantWith(token)).toMatchObject([{ key: "checkout", variant: "express", forced: true }]);
    expect(variantWith(`${token}x`)).toEqual([]);
    await experiments.close();
  });

  test.each([
    ["no secret", ["override", "checkout=express", "--audience", "staging"], {}],
    ["no audience", ["override", "checkout=express"], env],
    ["no experiment", ["override", "--audience", "staging"], env],
    ["no variant", ["override", "checkout", "--audience", "staging"], env],
    ["an experiment twice", ["override", "a=b", "a=c", "--audience", "staging"], env],
  ])("CLI-21 with %s ends with 2 and prints no token and no secret", async (_what, args, environment) => {
    const { exitCode, stdout, stderr } = await runCommand(args, { env: environment });
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(stderr).toMatch(/^otel-experiments: /);
    expect(stderr).not.toContain(SECRET);
  });

  test("CLI-22 with a time that is none ends with 1, and says the mend", async () => {
    const args = ["override", "checkout=express", "--audience", "staging", "--expires-in", "soon"];
    const { exitCode, stdout, stderr } = await runCommand(args, { env });
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
    expect(stderr).toContain("expiresIn");
  });

  test("CLI-23 checked against a module, takes what it declares alone", async () => {
    const overriding = (pair: string) =>
      runCommand(["override", pair, "--audience", "staging", "--module", "test/system/cli/shop.ts"], { env });
    expect(await overriding("checkout=express")).toMatchObject({ exitCode: 0, stderr: "" });
    const key = await overriding("chekout=express");
    expect(key).toMatchObject({ exitCode: 1, stdout: "" });
    expect(key.stderr).toContain("declares no experiment chekout; declared are checkout, search");
    const variant = await overriding("checkout=expres");
    expect(variant).toMatchObject({ exitCode: 1, stdout: "" });
    expect(variant.stderr).toContain("checkout has no variant expres; declared are control, express");
  });
});

describe("what verifies an override", () => {
  const secret = "a secret of the tests, long enough";
  const env = { OTEL_EXPERIMENTS_OVERRIDE_SECRET: secret };
  const token = signOverride({ checkout: "express" }, { secret, audience: "staging", expiresIn: "2h" });

  test("CLI-30 says what it forces, for whom and until when", async () => {
    const { exitCode, stdout, stderr } = await runCommand(["verify", token, "--audience", "staging"], { env });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout).toMatch(
      /^checkout=express\naudience: staging\nsigned: {3}[\d-]+T[\d:.]+Z\nexpires: {2}[\d-]+T[\d:.]+Z\nIt counts\.\n$/,
    );
  });

  test.each([
    ["of another audience", ["--audience", "production"], "It does not count: audience."],
    ["that lives too long", ["--max-lifetime", "1h"], "It does not count: lifetime."],
  ])("CLI-31 one %s ends with 1, and says so", async (_what, options, why) => {
    const { exitCode, stdout } = await runCommand(["verify", token, ...options], { env });
    expect(exitCode).toBe(1);
    expect(stdout).toContain(why);
  });

  test.each([
    ["with another secret", token, { OTEL_EXPERIMENTS_OVERRIDE_SECRET: "another secret, long enough" }, 1, "tampered"],
    ["changed", `${token.slice(0, -9)}${token.at(-9) === "A" ? "B" : "A"}${token.slice(-8)}`, env, 1, "tampered"],
    ["that is none", "v1.x", env, 1, "malformed"],
    ["without a secret", token, {}, 2, "OTEL_EXPERIMENTS_OVERRIDE_SECRET is not set"],
  ])("CLI-32 one %s shows nothing of it", async (_what, text, environment, exitCode, why) => {
    const result = await runCommand(["verify", text], { env: environment });
    expect(result).toMatchObject({ exitCode, stdout: "" });
    expect(result.stderr).toContain(why);
    expect(result.stderr).not.toContain(secret);
  });
});

describe("what explains", () => {
  const CODE = `
    const { createExperiments } = require(${ours("src/index.ts")});
    exports.experiments = createExperiments({ trustInbound: true, propagateTo: ["https://*.shop.internal"] });
  `;

  test("CLI-40 says of each URL whether the experiments are passed on there, once, and ends with 1 if one gets nothing", async () => {
    await writeFile(join(scratch, "explained.cjs"), CODE);
    const urls = ["https://cart.shop.internal/x", "https://evil.example/"];
    const both = await runCommand(["explain", "./explained.cjs", ...urls], { cwd: scratch });
    expect(both).toMatchObject({ exitCode: 1, stderr: "" });
    expect(both.stdout).toMatch(
      /^experiments: https:\/\/cart\.shop\.internal\/x gets them: .+\nexperiments: https:\/\/evil\.example\/ gets nothing: .+\n$/,
    );
    expect(await runCommand(["explain", "./explained.cjs", urls[0] ?? ""], { cwd: scratch })).toMatchObject({
      exitCode: 0,
    });
  });

  test("CLI-41 of a module without experiments says what to export", async () => {
    await writeFile(join(scratch, "none.mjs"), "export const a = 1;");
    const { exitCode, stderr } = await runCommand(["explain", "./none.mjs", "https://a.example"], { cwd: scratch });
    expect(exitCode).toBe(1);
    expect(stderr).toContain("exports no result of createExperiments");
  });
});
