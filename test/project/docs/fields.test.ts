import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createExperiments } from "otel-experiments";
import { text } from "otel-experiments/fields";
import { afterAll, expect, test } from "vitest";
import { openRequest } from "../../support/opened-request.ts";
import { experiments, fields } from "./shared-fields.ts";

const page = readFileSync(join(import.meta.dirname, "../../../docs/fields.md"), "utf8");
const [declaring = "", using = ""] = [...page.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = ""]) => code);

const passing = createExperiments({ fields, trustInbound: true, propagateTo: ["queue:orders"] });

afterAll(async () => {
  await experiments.close();
  await passing.close();
});

test("DOC-G1 the declaration of docs/fields.md is the code that runs here", () => {
  expect(readFileSync(join(import.meta.dirname, "shared-fields.ts"), "utf8")).toBe(declaring);
});

test("DOC-G2 the calls of docs/fields.md do what the page says", () => {
  openRequest(experiments, { header: "item_count=3" }).run(() => {
    const results = [
      experiments.fields.set("user_tier", "premium"), // true: it counts
      experiments.fields.get("user_tier"), // "free" | "premium" | undefined
      experiments.fields.get("item_count"), // number | undefined
      experiments.current().fields.set("features", ["wishlist"]), // the same, on a scope
    ];
    expect(results).toEqual([true, "premium", 3, true]);
  });
  const source = readFileSync(import.meta.filename, "utf8").replaceAll(/^ +/gm, "");
  for (const line of using.trim().split("\n")) expect(source).toContain(line.replace(";", ","));
});

test("DOC-G3 what docs/fields.md says of the wire is what leaves", () => {
  const table = new Map(
    [...page.matchAll(/^\| `(\w+)\([^|]*\| .*\| `([a-z_]+=[^`]*)`/gm)].map(([, type, wire]) => [type, wire]),
  );
  expect([...table.keys()]).toEqual(["oneOf", "boolean", "integer", "text", "list"]);
  for (const wire of table.values()) {
    const member = String(wire).replaceAll("\\|", "|");
    const leaves = openRequest(passing, { header: `tenant=7,${member}` }).run(() =>
      passing.inject({}, { to: "queue:orders" }),
    );
    expect(leaves).toEqual({ baggage: member });
  }
});

test("DOC-G4 a pattern that docs/fields.md advises is allowed, and the one that it replaces is not", () => {
  const [, table = ""] = page.split("| instead of | write |");
  const rows = [...table.matchAll(/^\| `\/(.*?)\/([a-z]*)` \| `(?:\/(.*?)\/)?/gm)];
  expect(rows).toHaveLength(6);
  for (const [, instead = "", flags = "", advised = "a"] of rows) {
    const patternOf = (source: string, given = ""): RegExp => new RegExp(source.replaceAll("\\|", "|"), given);
    expect(() => text({ pattern: patternOf(instead, flags) })).toThrow("a pattern is a sequence of");
    expect(() => text({ pattern: patternOf(advised) })).not.toThrow();
  }
});
