import {
  checkInboundCase,
  checkInboundLacks,
  type InboundCase,
  type InboundHarness,
  inboundContract,
} from "otel-experiments/testing";
import { describe, expect, test } from "vitest";
import { inboundHarnesses } from "../support/frameworks/all.ts";
import { nodeHarness } from "../support/frameworks/node.ts";

describe.each(inboundHarnesses())("the inbound contract on $name", (harness) => {
  test.each(inboundContract)("$id $title", async (inboundCase) => {
    await expect(checkInboundCase(inboundCase, harness)).resolves.toBeUndefined();
  });

  test("IN-R1 lacks no case that there is none of", () => {
    expect(() => checkInboundLacks(harness)).not.toThrow();
  });
});

const passing: InboundCase = { id: "IN-01", title: "passes", run: async () => undefined };
const failing: InboundCase = { id: "IN-01", title: "fails", run: () => Promise.reject(new Error("it fails")) };

function lacking(lacks: Record<string, string>): InboundHarness {
  return { ...nodeHarness, name: "another", lacks };
}

describe("the rule of what a harness lacks", () => {
  test("IN-R2 a case that fails is a failure where it is not named", async () => {
    await expect(checkInboundCase(failing, lacking({}))).rejects.toThrow("it fails");
  });

  test("IN-R3 a case that fails is none where it is named with a reason", async () => {
    await expect(checkInboundCase(failing, lacking({ "IN-01": "it has no requests" }))).resolves.toBeUndefined();
  });

  test("IN-R4 a case that passes although it is named is a failure", async () => {
    await expect(checkInboundCase(passing, lacking({ "IN-01": "it has no requests" }))).rejects.toThrow(
      'another passes IN-01; remove it from lacks: "it has no requests"',
    );
  });

  test("IN-R5 a name without a reason is a failure", async () => {
    await expect(checkInboundCase(failing, lacking({ "IN-01": " " }))).rejects.toThrow("without a reason");
  });

  test("IN-R6 a name that is no case's is a failure", () => {
    expect(() => checkInboundLacks(lacking({ "IN-999": "long gone" }))).toThrow("IN-999");
  });

  test("IN-R7 the ids are unique, and each title says what holds", () => {
    expect(new Set(inboundContract.map(({ id }) => id)).size).toBe(inboundContract.length);
    for (const { id, title } of inboundContract) {
      expect(id).toMatch(/^IN-\d\d$/);
      expect(title.length).toBeGreaterThan(20);
    }
  });
});
