import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import { PGLiteSocketServer } from "@electric-sql/pglite-socket";
import { afterAll, beforeAll, expect, test } from "vitest";
import { observe } from "./child-process.ts";
import { moduleForms, setUps } from "./set-ups.ts";
import { type Observation, tableOf } from "./table.ts";

// Each set-up of OpenTelemetry in a process of its own, with a real database, against what docs/signals.md says of it.
// SIGNALS=update writes the table anew.

const PAGE = join(import.meta.dirname, "../../../docs/signals.md");
const START = "<!-- table -->\n";
const END = "\n<!-- /table -->";

const folder = mkdtempSync(join(tmpdir(), "otel-experiments-signals-"));
let stop: () => Promise<void> = async () => {};

beforeAll(async () => {
  const db = await PGlite.create();
  const server = new PGLiteSocketServer({ db, path: join(folder, ".s.PGSQL.5432") });
  await server.start();
  stop = async () => {
    await server.stop();
    await db.close();
  };
});

afterAll(async () => {
  await stop();
  rmSync(folder, { recursive: true, force: true });
});

const observations: Observation[] = [];
const cases = setUps.flatMap((setUp) => moduleForms.map((modules) => ({ setUp, modules, name: setUp.name })));

test.each(cases)(
  "SIG-01 with $name, by $modules, the service answers and writes nothing to the console",
  async (one) => {
    const seen = await observe({ setUp: one.setUp, modules: one.modules, database: folder });
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
