import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Database, startDatabase } from "../../support/database.ts";
import { observe } from "./child-process.ts";
import { moduleForms, setUps } from "./set-ups.ts";
import { type Observation, tableOf } from "./table.ts";

// Each set-up of OpenTelemetry in a process of its own, with a real database, against what docs/signals.md says of it.
// SIGNALS=update writes the table anew.

const PAGE = join(import.meta.dirname, "../../../docs/signals.md");
const START = "<!-- table -->\n";
const END = "\n<!-- /table -->";

let database: Database;

beforeAll(async () => {
  database = await startDatabase();
});

afterAll(async () => {
  await database.close();
});

const observations: Observation[] = [];
const cases = setUps.flatMap((setUp) => moduleForms.map((modules) => ({ setUp, modules, name: setUp.name })));

test.each(cases)(
  "SIG-01 with $name, by $modules, the service answers and writes nothing to the console",
  async (one) => {
    const seen = await observe({ setUp: one.setUp, modules: one.modules, database: database.folder });
    observations.push({ setUp: one.setUp, modules: one.modules, seen });
    expect([...seen.calls.keys()].toSorted()).toEqual(["assigned", "inbound"]);
  },
);

test("SIG-02 the documentation says of each signal and set-up what is so", () => {
  const page = existsSync(PAGE) ? readFileSync(PAGE, "utf8") : "";
  const start = page.indexOf(START) + START.length;
  const end = page.indexOf(END);
  const table = tableOf(observations);
  if (process.env["SIGNALS"] === "update") writeFileSync(PAGE, page.slice(0, start) + table + page.slice(end));
  expect(page.slice(start, end)).toBe(table);
});
