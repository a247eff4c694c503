import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "../../..");
const SOURCES = [
  "test/system/docs/*.ts",
  "test/nest/12/documented-apps.ts",
  "test/system/package/declarations.test.ts",
];

/** Code without its indentation, which a block of a page does not have. */
function flush(code: string): string {
  return code
    .split("\n")
    .map((line) => line.trim())
    .join("\n")
    .trim();
}

test.each([
  ["docs/frameworks.md", 5],
  ["docs/server-span.md", 6],
])("DOC-02 the code of %s is code that runs", (page, count) => {
  const sources = globSync(SOURCES, { cwd: ROOT }).map((file) => flush(readFileSync(join(ROOT, file), "utf8")));
  const blocks = [...readFileSync(join(ROOT, page), "utf8").matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = ""]) =>
    flush(code),
  );
  expect(blocks).toHaveLength(count);
  expect(blocks.filter((block) => !sources.some((source) => source.includes(block)))).toEqual([]);
});
