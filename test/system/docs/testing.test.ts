import { execFile } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, expect, test } from "vitest";
import { experiments } from "./testing/experiments.ts";

// The tests of docs/testing.md run here, as vitest's and as Node's.
await import("./testing/unit.ts");
await import("./testing/http.ts");

const FOLDER = join(import.meta.dirname, "testing");

afterAll(() => experiments.close());

test("DOC-12 the test of docs/testing.md for node:test passes there", async () => {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const { stdout } = await promisify(execFile)(process.execPath, ["--test", join(FOLDER, "unit-node.ts")], { env });
  expect(stdout).toMatch(/pass 1\n.*fail 0/s);
});

test("DOC-13 the code of docs/testing.md is the code that runs here, but for Playwright's", () => {
  const page = readFileSync(join(import.meta.dirname, "../../../docs/testing.md"), "utf8");
  const blocks = [...page.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, block = ""]) => block.trim());
  const sources = globSync("*.ts", { cwd: FOLDER }).map((file) => readFileSync(join(FOLDER, file), "utf8"));
  expect(blocks).toHaveLength(5);
  const others = blocks.filter((block) => !sources.some((source) => source.includes(block)));
  expect(others.map((block) => block.split("\n", 1)[0])).toEqual(['import { defineConfig } from "@playwright/test";']);
});
