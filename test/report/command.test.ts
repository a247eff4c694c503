import { existsSync, readFileSync } from "node:fs";
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ROOT, run } from "../support/packed-package.ts";
import { outcomeOf } from "./outcome.ts";

const ORACLES = join(import.meta.dirname, "statistics/oracles.json");
const CLONE = join(ROOT, "report/bin/otel-experiments-report.js");

let folder: string;
/** The command of the tarball, in a folder without any other package. */
let packed: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "otel-experiments-report-"));
  const source = join(folder, "source");
  for (const file of [
    "package.json",
    "tsdown.config.ts",
    "README.md",
    "LICENSE",
    "NOTICE",
    "bin",
    "cli",
    "statistics",
  ]) {
    await cp(join(ROOT, "report", file), join(source, file), { recursive: true });
  }
  await symlink(join(ROOT, "node_modules"), join(source, "node_modules"));
  await run(source, "tsdown");
  const npm = ["pack", "--ignore-scripts", "--offline", "--silent", `--cache=${join(folder, "cache")}`];
  const tarball = (await run(source, "npm", ...npm)).trim();
  const installed = join(folder, "consumer/node_modules/otel-experiments-report");
  await mkdir(installed, { recursive: true });
  await run(folder, "tar", "-xzf", join(source, tarball), "-C", installed, "--strip-components=1");
  packed = join(installed, "bin/otel-experiments-report.js");
});

afterAll(() => rm(folder, { recursive: true, force: true }));

test("RPT-01 the packed command needs no other package, and gives the same figures as a clone's", async () => {
  const published = dirname(dirname(packed));
  expect(existsSync(join(published, "dist/main.js"))).toBe(true);
  expect(existsSync(join(published, "cli"))).toBe(false);
  const manifest = readFileSync(join(published, "package.json"), "utf8");
  expect(Object.keys(JSON.parse(manifest) as object)).not.toContain("dependencies"); // why: npm's own form
  const [one, other] = [await outcomeOf(packed, "oracle", ORACLES), await outcomeOf(CLONE, "oracle", ORACLES)];
  expect(one).toEqual(other);
  expect(one).toMatchObject({ exitCode: 0, stderr: "" });
  expect(JSON.parse(one.stdout)).toMatchObject({ "holm-1": { adjusted: [0.03, 0.06, 0.06, 0.02] } });
});

test("RPT-02 help says what the commands are, and which tests the oracle has", async () => {
  const [all, none] = [await outcomeOf(packed, "--help"), await outcomeOf(packed)];
  expect(all).toMatchObject({ exitCode: 0, stderr: "", stdout: expect.stringContaining("oracle FILE") as unknown }); // why: vitest types its matchers as any
  expect(none).toEqual(all);
  const oracle = await outcomeOf(packed, "oracle", "--help");
  expect(oracle.stdout).toContain("\n  Wilson score interval, <level>%\n");
});

test.each([
  { args: ["oracles"], stderr: 'there is no command "oracles"' },
  { args: ["toString"], stderr: 'there is no command "toString"' },
  { args: ["oracle"], stderr: "no file is named" },
  { args: ["oracle", "a", "b"], stderr: "name one file, not 2" },
  { args: ["oracle", "--json", "a"], stderr: "Unknown option '--json'" },
])("RPT-03 a wrong command line ends with 2 and says what to write: $args", async ({ args, stderr }) => {
  const outcome = await outcomeOf(CLONE, ...args);
  expect(outcome).toMatchObject({ exitCode: 2, stdout: "" });
  expect(outcome.stderr).toContain(stderr);
  expect(outcome.stderr).toContain("Usage: otel-experiments-report");
});

test.each([
  { text: "[", stderr: "is not JSON" },
  { text: '{ "rows": [] }', stderr: "is not a list of rows" },
])("RPT-04 a file that has no rows ends with 1: $text", async ({ text, stderr }) => {
  const file = join(folder, "rows.json");
  await writeFile(file, text);
  const outcome = await outcomeOf(CLONE, "oracle", file);
  expect(outcome).toMatchObject({ exitCode: 1, stdout: "" });
  expect(outcome.stderr).toContain(stderr);
  expect(outcome.stderr).not.toContain("    at ");
});

test("RPT-05 a file that is not there is named", async () => {
  const outcome = await outcomeOf(CLONE, "oracle", join(folder, "missing.json"));
  expect(outcome).toMatchObject({ exitCode: 1, stdout: "" });
  expect(outcome.stderr).toMatch(/ENOENT.*missing\.json/);
});

test("RPT-06 a row that cannot be read is named, and the others are printed; a null is a number that is not known", async () => {
  const wilson = "Wilson score interval, 95%";
  const rows = [
    { id: "good", test: wilson, input: { successes: 10, trials: 50 }, source: "ignored" },
    { id: "null", test: wilson, input: { successes: null, trials: 50 } },
    { id: "empty", test: wilson, input: { successes: 0, trials: 0 } },
    { id: "field", test: wilson, input: { successes: 10 } },
    { id: "text", test: "normal quantile", input: { p: "0.5" } },
    { id: "list", test: "Holm adjusted p-values", input: { p: 0.5 } },
    { id: "lengths", test: "k proportions homogeneity", input: { successes: [1], trials: [2, 3] } },
    { id: "unknown", test: "two proportions, pooled, continuity correction", input: {} },
    { id: "good", test: wilson, input: { successes: 10, trials: 50 } },
    { id: "nothing", test: wilson },
    { test: wilson },
    7,
    { id: "__proto__", test: "normal quantile", input: { p: 0.5 } },
  ];
  const file = join(folder, "rows.json");
  await writeFile(file, JSON.stringify(rows));
  const { exitCode, stdout, stderr } = await outcomeOf(CLONE, "oracle", file);
  expect(exitCode).toBe(1);
  expect(new Map(Object.entries(JSON.parse(stdout) as object))).toEqual(
    new Map<string, unknown>([
      ["good", { lower: expect.closeTo(0.1124375, 7) as unknown, upper: expect.closeTo(0.3303711, 7) as unknown }], // why: vitest types its matchers as any
      ["null", { lower: null, upper: null }],
      ["empty", { lower: null, upper: null }],
      ["__proto__", { x: 0 }],
    ]),
  );
  const complaints = stderr.trimEnd().split("\n");
  expect(complaints.map((line) => line.slice(line.indexOf(file) + file.length + 2))).toEqual([
    "field: input.trials is missing",
    'text: input.p is "0.5", not a number',
    "list: input.p is not a list of numbers",
    "lengths: successes and trials have different lengths",
    'unknown: there is no test "two proportions, pooled, continuity correction"; --help lists all',
    '"good" is the id of two rows',
    "nothing: input is not an object",
    'row 10 has no "id" that is a text',
    'row 11 has no "id" that is a text',
  ]);
});
