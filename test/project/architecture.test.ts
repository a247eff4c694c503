import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { doors, rooms } from "./rooms.ts";

const ROOT = join(import.meta.dirname, "../..");
const [floors = "", way = ""] = [
  ...readFileSync(join(ROOT, "docs/architecture.md"), "utf8").matchAll(/```mermaid\n([\s\S]*?)```/g),
].map(([, picture = ""]) => picture);

test("ARC-01 the picture of the floors has the folders and the doors of the table, each on its floor", () => {
  const drawn: Record<string, number> = {};
  for (const [, floor, inside = ""] of floors.matchAll(/subgraph floor(\d+)\[[^\n]*\n([\s\S]*?)\n {2}end/g)) {
    for (const [, name = ""] of inside.matchAll(/\["([^:"]+):/g)) drawn[name] = Number(floor);
  }
  const table = { ...doors };
  for (const [name, { floor }] of Object.entries(rooms)) table[name] = floor;
  expect(drawn).toEqual(table);
});

test("ARC-02 each step of a request's way is a function or class of the file that stands beside it", () => {
  const steps = [...way.matchAll(/"(\w+) \(([^)]+)\)"/g)];
  expect(steps.length).toBeGreaterThan(15);
  const missing = steps.filter(([, name = "", file = ""]) => {
    return !new RegExp(`(function|class) ${name}\\b`).test(readFileSync(join(ROOT, file), "utf8"));
  });
  expect(missing.map(([step]) => step)).toEqual([]);
});

test("ARC-03 each call that the way draws is an import of the file that calls, or goes through a door", () => {
  const files = new Map([...way.matchAll(/(\w+)\["\w+ \(([^)]+)\)"\]/g)].map(([, id = "", file = ""]) => [id, file]));
  const calls: [string, string, string][] = [];
  for (const [, line = ""] of way.matchAll(/^ *((?:\w+ +--.*)) *$/gm)) {
    const ids = line.split(/ *-->? *(?:"[^"]*" *--> *)?/).filter((id) => files.has(id));
    for (const [i, id] of ids.slice(1).entries())
      calls.push([files.get(ids[i] ?? "") ?? "", files.get(id) ?? "", line]);
  }
  expect(calls.length).toBeGreaterThan(10);
  const door = readFileSync(join(ROOT, "src/adapter.ts"), "utf8");
  const undrawn = calls.filter(([from, to]) => {
    const source = readFileSync(join(ROOT, from), "utf8");
    const isDirect = source.includes(`/${to.split("/").at(-1)}"`);
    return !isDirect && !(source.includes("src/adapter.ts") && door.includes(to.replace("src/", "./")));
  });
  expect(undrawn).toEqual([]);
});

test("ARC-04 the files that CONTRIBUTING names are there", () => {
  const text = readFileSync(join(ROOT, "CONTRIBUTING.md"), "utf8");
  const paths = [...text.matchAll(/`((?:src|adapters|test|testing|cli|docs|scripts|bench|examples)\/[\w./-]*)`/g)];
  expect(paths.length).toBeGreaterThan(10);
  expect(paths.map(([, path = ""]) => path).filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});
