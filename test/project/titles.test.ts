import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

// An id says which test is meant, in a message as in a conversation, so that no two have the same.

const ROOT = join(import.meta.dirname, "../..");

/** A title begins with its id; more than the id stands behind it. */
const TITLE = /["'`]([A-Z][A-Z\d]{1,4}-[A-Z]?\d+[a-z]?) \S/g;

/** A case of a contract has its id beside its title. */
const CASE = /\bid: "([A-Z][A-Z\d]{1,4}-[A-Z]?\d+[a-z]?)"/g;

/** What is said of each harness, by whoever runs the contracts. */
const SAID_TWICE: ReadonlySet<string> = new Set(["IN-R1", "OUT-R1"]);

function idsIn(pattern: string, id: RegExp): readonly (readonly [id: string, file: string])[] {
  return globSync(pattern, { cwd: ROOT }).flatMap((file) => {
    const source = readFileSync(join(ROOT, file), "utf8");
    return [...source.matchAll(id)].map(([, name = ""]) => [name, file] as const);
  });
}

function allIds(): ReturnType<typeof idsIn> {
  return [...idsIn("test/**/*.ts", TITLE), ...idsIn("testing/**/*.ts", CASE)];
}

test("TTL-01 each id is that of one test, or of one case of a contract", () => {
  const filesOf = new Map<string, string[]>();
  for (const [id, file] of allIds()) {
    filesOf.set(id, [...(filesOf.get(id) ?? []), file]);
  }
  const repeated = [...filesOf].filter(([id, files]) => files.length > 1 && !SAID_TWICE.has(id));
  expect(filesOf.size).toBeGreaterThan(300);
  expect(repeated).toEqual([]);
});

test("TTL-02 each test has one", () => {
  const untitled = globSync("test/**/*.test.ts", { cwd: ROOT }).flatMap((file) => {
    const source = readFileSync(join(ROOT, file), "utf8");
    const titles = [...source.matchAll(/^\s*test\(\s*["'`]([^"'`]*)/gm)].map(([, title = ""]) => title);
    return titles
      .filter((title) => !/^[A-Z][A-Z\d]{1,4}-[A-Z]?\d+[a-z]? \S/.test(title))
      .map((title) => `${file}: ${title}`);
  });
  expect(untitled).toEqual([]);
});

test("TTL-03 test/README.md lists each prefix, and its next number is behind every number that is used", () => {
  const used = new Map<string, number>();
  for (const [id] of allIds()) {
    const [, prefix = "", digits = ""] = /^(.*?)(\d+)[a-z]?$/.exec(id) ?? [];
    used.set(prefix, Math.max(used.get(prefix) ?? 0, Number(digits)));
  }
  const page = readFileSync(join(ROOT, "test/README.md"), "utf8");
  const rows = [...page.matchAll(/^\| `([A-Z\d]+-[A-Z]?)` \| [^|]+ \| (\d+) \|$/gm)];
  expect(rows.map(([, prefix]) => prefix)).toEqual([...used.keys()].sort());
  const taken = rows.filter(([, prefix = "", next = ""]) => Number(next) <= (used.get(prefix) ?? 0));
  expect(taken.map(([row]) => row)).toEqual([]);
});
