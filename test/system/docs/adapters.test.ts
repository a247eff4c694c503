import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  checkInboundCase,
  checkInboundLacks,
  checkOutboundCase,
  checkOutboundLacks,
  inboundContract,
  outboundContract,
} from "otel-experiments/testing";
import { describe, expect, test } from "vitest";
import { persistentHarness, tinyHarness } from "./harnesses.ts";

describe("the inbound adapter of docs/adapters.md", () => {
  test.each(inboundContract)("$id $title", async (each) => {
    await expect(checkInboundCase(each, tinyHarness)).resolves.toBeUndefined();
  });

  test("IN-R1 lacks only cases that exist", () => {
    expect(() => checkInboundLacks(tinyHarness)).not.toThrow();
  });
});

describe("the outbound adapter of docs/adapters.md", () => {
  test.each(outboundContract)("$id $title", async (each) => {
    await expect(checkOutboundCase(each, persistentHarness)).resolves.toBeUndefined();
  });

  test("OUT-R1 lacks only cases that exist", () => {
    expect(() => checkOutboundLacks(persistentHarness)).not.toThrow();
  });
});

test("DOC-01 the code of docs/adapters.md is the code that runs here", () => {
  const page = readFileSync(join(import.meta.dirname, "../../../docs/adapters.md"), "utf8");
  const blocks = [...page.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, block = ""]) => block.trim());
  const sources = globSync("*.ts", { cwd: import.meta.dirname }).map((file) =>
    readFileSync(join(import.meta.dirname, file), "utf8"),
  );
  expect(blocks.length).toBeGreaterThan(3);
  expect(blocks.filter((block) => !sources.some((source) => source.includes(block)))).toEqual([]);
});
