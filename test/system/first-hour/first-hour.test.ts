import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { NOTICES, type NoticeName } from "../../../src/checks/notice-texts.ts";
import { run, type Start } from "./programs.ts";

// Small programs as somebody writes them in a first hour, each with one mistake, and what their terminal shows. They run
// the built package, without NODE_ENV.

const READY = "OTEL_EXPERIMENTS_READY";
const NODE_MAJOR = Number(process.versions.node.split(".")[0]);
const codeOf = (name: string): string => `OTEL_EXPERIMENTS_${name}`;

/** A mistake, the programs that make it, and what they are asked. */
const mistakes: { readonly [Name in NoticeName]: readonly (readonly [program: string, start?: Partial<Start>])[] } = {
  NOT_MOUNTED: [
    ["not-mounted"],
    ["not-mounted-assigns"],
    ["not-mounted-unused"],
    ["not-mounted-fastify"],
    ["not-mounted-node"],
  ],
  BEHIND_ROUTE: [["behind-route"], ["behind-route-koa"], ["behind-route-hono"]],
  OUTSIDE_REQUEST: [["outside-request"]],
  NO_SUBJECT: [["no-subject"], ["no-subject-assigns"], ["no-subject-at-all"], ["right", { request: {} }]],
  NOTHING_ASSIGNED: [["nothing-assigned"], ["subject-alone"]],
  NOT_AWAITED: [["not-awaited"]],
  NOT_EXPOSED: [["not-exposed"]],
  NO_SDK: [["right", { withSdk: false }]],
  OVERRIDE_IGNORED: [["override-ignored", { request: { lines: ["x-experiment-override: v1.a.b"] } }]],
  UNTRUSTED: [["untrusted", { request: { lines: ["baggage: experiment.checkout.variant=one_click"] } }]],
  NO_DESTINATION: [["no-destination"], ["no-destination-for-all"]],
  // Node 22 does not show where a request of node:http goes.
  UNWRAPPED: [["unwrapped"], ["unwrapped-undici"], ...(NODE_MAJOR > 22 ? ([["unwrapped-http"]] as const) : [])],
  MANY_OPEN: [["many-open"]],
};

/** Programs whose requests never come to the middleware, so that nobody can say what holds. */
const WITHOUT_START: ReadonlySet<string> = new Set([codeOf("NOT_MOUNTED"), codeOf("BEHIND_ROUTE")]);

/** Mistakes that `diag` tells of at any time, in development without a `diag` logger on the terminal. */
const others: readonly (readonly [code: string, program: string, start?: Partial<Start>])[] = [
  ["SUBJECT", "subject-fails"],
  ["ERR_UNKNOWN_EXPERIMENT", "unknown-key"],
  ["ASSIGNER", "assigner-fails"],
  ["SERVER_SPAN", "right", { env: { WITHOUT_HTTP: "1" } }],
];

const cases: readonly (readonly [code: string, program: string, start: Partial<Start>])[] = [
  ...Object.entries(mistakes).flatMap(([name, programs]) =>
    programs.map(([program, start = {}]) => [codeOf(name), program, start] as const),
  ),
  ...others.map(([name, program, start = {}]) => [codeOf(name), program, start] as const),
];

test.each(cases)("FHR-01 %s is said once by the program %s, and nothing else", async (code, program, start) => {
  const expected = WITHOUT_START.has(code) ? [code] : [code, READY];
  const { warnings, stdout } = await run(program, { ...start, until: expected });
  expect(warnings.map((warning) => warning.code).toSorted()).toEqual(expected.toSorted());
  expect(stdout).toBe("");
});

test("FHR-02 a program without a mistake says only what holds", async () => {
  const { warnings, stderr } = await run("right", { until: [READY] });
  expect(warnings).toEqual([
    {
      code: READY,
      message: "trusts nobody; passes on to nobody; server spans by an instrumentation; experiments: checkout",
    },
  ]);
  expect(stderr).toContain("OtelExperimentsInfo");
});

const silent: readonly (readonly [what: string, env: Readonly<Record<string, string>>])[] = [
  ["production", { NODE_ENV: "production" }],
  ["another environment", { NODE_ENV: "staging" }],
  ["a test", { NODE_ENV: "test" }],
  ["a test of node:test", { NODE_TEST_CONTEXT: "child-v8" }],
  ["OTEL_LOG_LEVEL=none", { OTEL_LOG_LEVEL: "none" }],
];

test.each(silent)("FHR-03 in %s nothing is said of a mistake", async (_, env) => {
  const { stdout, stderr } = await run("nothing-assigned", { env, withSdk: false, until: [] });
  expect([stdout, stderr]).toEqual(["", ""]);
});

test.each(["not-mounted", "behind-route", "unwrapped", "subject-fails", "many-open", "right"])(
  "FHR-09 in production the program %s says nothing",
  async (program) => {
    const { stdout, stderr } = await run(program, { env: { NODE_ENV: "production" }, withSdk: false, until: [] });
    expect([stdout, stderr]).toEqual(["", ""]);
  },
);

test("FHR-04 a script that serves nobody says nothing, whatever it calls", async () => {
  const { stdout, stderr } = await run("script", { until: ["the script ends"] });
  expect([stdout, stderr]).toEqual(["", ""]);
});

test.each(["", "production", "test"])(
  "FHR-05 a diag logger that OTEL_LOG_LEVEL asked for hears it, and the terminal has no second line: NODE_ENV=%s",
  async (NODE_ENV) => {
    const env = { NODE_ENV, OTEL_LOG_LEVEL: "info" };
    const { warnings, stdout, stderr } = await run("nothing-assigned", { env, until: [] });
    expect(warnings).toEqual([]);
    const lines = `${stdout}${stderr}`.split("\n").filter((line) => line.includes("otel-experiments: "));
    expect(lines.filter((line) => line.includes("found no variant"))).toHaveLength(1);
    expect(lines.filter((line) => line.includes("trusts nobody"))).toHaveLength(1);
  },
);

test("FHR-06 docs/troubleshooting.md has each message with its code, and no other", () => {
  const page = readFileSync(join(import.meta.dirname, "../../../docs/troubleshooting.md"), "utf8");
  const sections = [...page.matchAll(/^### `OTEL_EXPERIMENTS_(\w+)`\n\n> (.*)$/gm)].map(([, name, text]) => [
    name,
    text,
  ]);
  expect(sections).toEqual(Object.entries(NOTICES));
});
