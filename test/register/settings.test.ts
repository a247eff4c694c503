import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readSettings, type Settings, VARIABLES, VARIABLES_OF_OTHERS } from "../../adapters/sdk/register/settings.ts";
import { whileInherited } from "../support/inherited.ts";

const DEFAULTS: Settings = {
  disabled: false,
  spanAttributes: "flat",
  spanKinds: undefined,
  logAttributes: "flat",
  keys: undefined,
  instruments: [],
  propagator: true,
  propagateToCarriers: false,
  outgoing: false,
};

test("REG-01 no variable gives the defaults, and so does an empty one", () => {
  expect(readSettings({ PATH: "/bin", OTEL_SERVICE_NAME: "x" })).toEqual({ settings: DEFAULTS, problems: [] });
  const empty = Object.fromEntries(VARIABLES.map((name) => [name, " "]));
  expect(readSettings(empty)).toEqual({ settings: DEFAULTS, problems: [] });
});

test("REG-02 every variable is read, with spaces around it and whatever the case of its words", () => {
  const { settings, problems } = readSettings({
    OTEL_EXPERIMENTS_DISABLED: "TRUE",
    OTEL_EXPERIMENTS_SPAN_ATTRIBUTES: " Both ",
    OTEL_EXPERIMENTS_SPAN_KINDS: "client, INTERNAL,",
    OTEL_EXPERIMENTS_LOG_ATTRIBUTES: "none",
    OTEL_EXPERIMENTS_KEYS: "checkout, search",
    OTEL_EXPERIMENTS_INSTRUMENTS: "orders.placed, cart/Value",
    OTEL_EXPERIMENTS_PROPAGATOR: "false",
    OTEL_EXPERIMENTS_PROPAGATE_TO_CARRIERS: "true",
    OTEL_EXPERIMENTS_OUTGOING: "True",
  });
  expect(problems).toEqual([]);
  expect(settings).toEqual({
    disabled: true,
    spanAttributes: "both",
    spanKinds: ["client", "internal"],
    logAttributes: "none",
    keys: ["checkout", "search"],
    instruments: ["orders.placed", "cart/Value"],
    propagator: false,
    propagateToCarriers: true,
    outgoing: true,
  });
});

test("REG-03 none as the list of instruments is not even the default one", () => {
  expect(readSettings({ OTEL_EXPERIMENTS_INSTRUMENTS: "None" }).settings.instruments).toBeUndefined();
});

describe("a wrong value", () => {
  test.each([
    ["DISABLED", "1", "write true or false"],
    ["SPAN_ATTRIBUTES", "flat,keyed", "write flat, keyed, both or none"],
    ["SPAN_KINDS", "client,servr", "write any of internal, server, client, producer and consumer, separated by commas"],
    ["SPAN_KINDS", ",", "write any of internal"],
    ["LOG_ATTRIBUTES", "all", "write flat, keyed, both or none"],
    ["KEYS", "checkout,Search", "write the keys of experiments, separated by commas; a key is a lower-case letter"],
    ["KEYS", "variant", "write the keys of experiments"],
    ["INSTRUMENTS", "orders placed", "write the whole names of instruments, separated by commas, or none"],
    ["INSTRUMENTS", "orders.*", "write the whole names of instruments"],
    ["INSTRUMENTS", "a,http.client.request.duration", "write the whole names of instruments"],
    ["PROPAGATOR", "on", "write true or false"],
    ["PROPAGATE_TO_CARRIERS", "yes", "write true or false"],
    ["OUTGOING", "https://api.shop.internal", "write true or false"],
  ])("REG-04 of OTEL_EXPERIMENTS_%s, %j, counts as not set, and is said with the mend", (name, value, mend) => {
    const { settings, problems } = readSettings({ [`OTEL_EXPERIMENTS_${name}`]: value });
    expect(settings).toEqual(DEFAULTS);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(`OTEL_EXPERIMENTS_${name} is ${JSON.stringify(value)}; ${mend}`);
    expect(problems[0]).toMatch(/\. It counts as not set\.$/);
  });

  test("REG-05 is one line, and of a bounded length, whatever it holds", () => {
    const { problems } = readSettings({
      OTEL_EXPERIMENTS_KEYS: "a\nb\u001b[2J",
      OTEL_EXPERIMENTS_SPAN_KINDS: "x".repeat(100_000),
      [`OTEL_EXPERIMENTS_${"Y".repeat(100_000)}\n`]: "1",
    });
    expect(problems).toHaveLength(3);
    for (const problem of problems) {
      expect(problem.length).toBeLessThan(400);
      expect(problem).not.toMatch(/\p{Cc}/u);
    }
  });
});

test.each([
  ["OTEL_EXPERIMENTS_SPAN_KIND", "OTEL_EXPERIMENTS_SPAN_KINDS"],
  ["OTEL_EXPERIMENTS_SPANS_ATTRIBUTE", "OTEL_EXPERIMENTS_SPAN_ATTRIBUTES"],
  ["OTEL_EXPERIMENTS_KEY", "OTEL_EXPERIMENTS_KEYS"],
  ["OTEL_EXPERIMENTS_ENABLED", "OTEL_EXPERIMENTS_DISABLED"],
  ["OTEL_EXPERIMENTS_PROPAGATORS", "OTEL_EXPERIMENTS_PROPAGATOR"],
  ["OTEL_EXPERIMENTS_INSTRUMENT_NAMES", "OTEL_EXPERIMENTS_INSTRUMENTS"],
  ["OTEL_EXPERIMENT_KEYS", "OTEL_EXPERIMENTS_KEYS"],
  ["OTEL_EXPERIMENT_OUTGOING", "OTEL_EXPERIMENTS_OUTGOING"],
])("REG-06 %s is named as unknown, with the nearest that there is, %s", (name, nearest) => {
  const { settings, problems } = readSettings({ [name]: "true" });
  expect(settings).toEqual(DEFAULTS);
  expect(problems).toEqual([`the variable ${name} does not exist; did you mean ${nearest}?`]);
});

test.each(["OTEL_EXPERIMENTS_FOO", "OTEL_EXPERIMENTS_", "OTEL_EXPERIMENT_SERVICE_NAME"])(
  "REG-08 %s, which is near to none, is named as unknown, with all that there are",
  (name) => {
    const { settings, problems } = readSettings({
      [name]: "true",
      OTEL_EXPERIMENTAL_CONFIG_FILE: "sdk.yaml",
      OTEL_SERVICE_NAME: "shop",
    });
    expect(settings).toEqual(DEFAULTS);
    const ends = VARIABLES.map((variable) => variable.replace("OTEL_EXPERIMENTS_", "")).join(", ");
    expect(problems).toEqual([`the variable ${name} does not exist; after OTEL_EXPERIMENTS_ write one of ${ends}`]);
  },
);

test("REG-07 the documentation lists every variable, in order, and what it shows of messages is what is said", () => {
  const text = readFileSync(join(import.meta.dirname, "../../docs/register.md"), "utf8");
  expect([...text.matchAll(/^\| `(OTEL_EXPERIMENTS_\w+)` \|/gm)].map(([, name]) => name)).toEqual(VARIABLES);
  const { problems } = readSettings({ OTEL_EXPERIMENTS_SPAN_KINDS: "servr", OTEL_EXPERIMENTS_SPAN_KIND: "server" });
  expect(text).toContain(problems.map((problem) => `otel-experiments: ${problem}\n`).join(""));
});

test("REG-84 a variable that the documentation tells to set is not named as unknown", () => {
  const root = join(import.meta.dirname, "../..");
  const files = globSync(["README.md", "docs/*.md", "cli/*.ts"], { cwd: root });
  const texts = files.map((file) => readFileSync(join(root, file), "utf8")).join("\n");
  const toldAs =
    /^\| `(OTEL_EXPERIMENTS_\w+)` \| `?(?:false|true|flat|all|no others)\b|(?:export |\benv\.)(OTEL_EXPERIMENTS_\w+)/gm;
  const told = new Set(Array.from(texts.matchAll(toldAs), ([, read, exported]) => read ?? exported ?? ""));
  expect(told).toContain("OTEL_EXPERIMENTS_OVERRIDE_SECRET");
  expect(told.size).toBe(VARIABLES.length + VARIABLES_OF_OTHERS.length);
  const { problems } = readSettings(Object.fromEntries([...told].map((name) => [name, ""])));
  expect(problems).toEqual([]);
});

test("REG-85 no variable is taken from what every object inherits", () => {
  const settings = whileInherited({ OTEL_EXPERIMENTS_DISABLED: { value: "true" } }, () => readSettings({}).settings);
  expect(settings).toEqual(DEFAULTS);
});
