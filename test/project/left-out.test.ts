import { globSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { CURRENT, leftOut, leftOutOn } from "../system/matrix/left-out.ts";

const ROOT = join(import.meta.dirname, "../..");

test.each(leftOut)("MX-05 what the matrix leaves out is there: $files", ({ files }) => {
  expect(globSync(files, { cwd: ROOT }).filter((file) => file.endsWith(".test.ts"))).not.toEqual([]);
});

test("MX-06 everything runs on the current SDK and Node, and less where both are others than where one is", () => {
  const [sdk, node] = [CURRENT.sdk - 1, CURRENT.node - 2];
  expect(leftOutOn(CURRENT)).toEqual([]);
  const both = new Set(leftOutOn({ sdk, node }));
  const one = [...leftOutOn({ ...CURRENT, sdk }), ...leftOutOn({ ...CURRENT, node })];
  expect(one.filter((files) => !both.has(files))).toEqual([]);
  expect(both.size).toBeGreaterThan(new Set(one).size);
});
